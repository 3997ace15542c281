// The tile engine's Runtime without torch: plain loops as BLAS, and a few threads of its own.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "core/tiles.h"

namespace alignops {

struct PlainRuntime {
  template <class T>
  static void gemm(T alpha, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c) {
    for (int64_t i = 0; i < c.rows; ++i) {
      for (int64_t j = 0; j < c.cols; ++j) {
        T sum = 0;
        for (int64_t k = 0; k < a.cols; ++k) {
          sum += a.data[i * a.row_stride + k * a.col_stride] *
                 b.data[k * b.row_stride + j * b.col_stride];
        }
        T& out = c.data[i * c.row_stride + j * c.col_stride];
        out = alpha * sum + (beta == T(0) ? T(0) : beta * out);
      }
    }
  }

  static int64_t threads() { return 3; }
  static void poll() {}

  template <class MakeWorker>
  class Pool {
   public:
    explicit Pool(const MakeWorker& make_worker) : make_worker_(make_worker) {}

    void run(int64_t first, int64_t last) {
      std::atomic<int64_t> next{first};
      std::vector<std::thread> threads;
      for (int64_t thread = 0; thread < std::min<int64_t>(last - first, PlainRuntime::threads());
           ++thread) {
        threads.emplace_back([&] {
          auto worker = make_worker_();
          for (int64_t task = next++; task < last; task = next++) worker(task);
        });
      }
      for (std::thread& thread : threads) thread.join();
    }

   private:
    const MakeWorker& make_worker_;
  };
};

}  // namespace alignops

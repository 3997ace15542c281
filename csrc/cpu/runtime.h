// The tile engine's Runtime on torch: BLAS and thread pool, through the stable ABI.
#pragma once

#include <torch/csrc/inductor/aoti_torch/generated/c_shim_cpu.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <type_traits>
#include <vector>

#include "core/tiles.h"
#include "cpu/interruption.h"

// From MKL, torch's BLAS on x86; null if torch has another.
extern "C" int MKL_Set_Num_Threads_Local(int threads) __attribute__((weak));

namespace alignops {

/// During its lifetime, the calling thread computes its matrix products alone. Otherwise MKL would
/// split them by torch's number of threads, even inside a worker, and round differently.
class OneThreadedBlas {
 public:
  OneThreadedBlas() : before_(MKL_Set_Num_Threads_Local ? MKL_Set_Num_Threads_Local(1) : 0) {}
  ~OneThreadedBlas() {
    if (MKL_Set_Num_Threads_Local) MKL_Set_Num_Threads_Local(before_);
  }
  OneThreadedBlas(const OneThreadedBlas&) = delete;
  OneThreadedBlas& operator=(const OneThreadedBlas&) = delete;

 private:
  const int before_;
};

struct TorchRuntime {
  /// C = alpha * A B + beta * C; with beta = 0, C is not read.
  template <class T>
  static void gemm(T alpha, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c) {
    if (c.rows == 0 || c.cols == 0) return;
    const auto out = view(c);
    STABLE_TORCH_ERROR_CODE_CHECK(
        aoti_torch_cpu_addmm_out(out.get(), out.get(), view(a).get(), view(b).get(), beta, alpha));
  }

  static int64_t threads() { return torch::stable::get_num_threads(); }

  static void poll() { Team::poll(); }

  /// Torch's threads with one worker each. A thread makes its worker when its first task arrives,
  /// and keeps it from one run to the next.
  template <class MakeWorker>
  class Pool {
   public:
    explicit Pool(const MakeWorker& make_worker) : make_worker_(make_worker), workers_(threads()) {}

    /// Call worker(task) for each task in [first, last). Workers take tasks as they become free, so
    /// results must not depend on which worker takes a task.
    void run(int64_t first, int64_t last) {
      std::atomic<int64_t> next{first};
      const int64_t threads = std::min<int64_t>(last - first, workers_.size());
      Team team(watch_);
      const auto work = [&](int64_t thread) {
        const OneThreadedBlas one_threaded;
        auto& worker = workers_[thread];
        if (!worker) worker.emplace(make_worker_());
        for (int64_t task = next++; task < last; task = next++) {
          poll();
          (*worker)(task);
        }
      };
      // No exception may reach torch, which would keep only its text.
      torch::stable::parallel_for(
          0, threads, 1, [&](int64_t thread, int64_t) { team.take_part([&] { work(thread); }); });
      team.rethrow();
    }

   private:
    const MakeWorker& make_worker_;
    SignalWatch watch_;
    std::vector<std::optional<std::invoke_result_t<MakeWorker>>> workers_;
  };

 private:
  template <class T>
  static torch::stable::Tensor view(const Matrix<T>& m) {
    using Value = std::remove_const_t<T>;
    constexpr auto type = std::is_same_v<Value, double> ? torch::headeronly::ScalarType::Double
                                                        : torch::headeronly::ScalarType::Float;
    return torch::stable::from_blob(
        const_cast<Value*>(m.data), {m.rows, m.cols}, {m.row_stride, m.col_stride},
        torch::stable::Device(torch::headeronly::DeviceType::CPU), type);
  }
};

}  // namespace alignops

// The tile engine's Runtime on torch: its BLAS and its thread pool, through the stable ABI.
#pragma once

#include <torch/csrc/inductor/aoti_torch/generated/c_shim_cpu.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <atomic>

#include "core/tiles.h"

namespace alignops {

struct TorchRuntime {
  /// C = alpha * A B + beta * C; with beta = 0, C is not read.
  template <class T>
  static void gemm(T alpha, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c) {
    if (c.rows == 0 || c.cols == 0) return;
    const auto out = view(c);
    STABLE_TORCH_ERROR_CODE_CHECK(
        aoti_torch_cpu_addmm_out(out.get(), out.get(), view(a).get(), view(b).get(), beta, alpha));
  }

  /// Call worker(task) for each of `tasks`, on as many workers as torch has threads. Tasks are
  /// handed out as workers become free, so results must not depend on who takes which.
  template <class MakeWorker>
  static void parallel(int64_t tasks, const MakeWorker& make_worker) {
    std::atomic<int64_t> next{0};
    const int64_t workers = std::min<int64_t>(tasks, torch::stable::get_num_threads());
    torch::stable::parallel_for(0, workers, 1, [&](int64_t, int64_t) {
      auto worker = make_worker();
      for (int64_t task = next++; task < tasks; task = next++) worker(task);
    });
  }

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

// alignops::fgm_similarity on the CPU.

#include <torch/csrc/stable/library.h>

#include <atomic>
#include <limits>
#include <tuple>

#include "core/fgm_backward.h"
#include "core/fgm_forward.h"
#include "cpu/arguments.h"
#include "cpu/runtime.h"

namespace alignops {
namespace {

/// The smallest integer type that holds an index below `count`, as in alignops/reference/fgm.py.
ScalarType argmax_type(int64_t count) {
  if (count <= 1 << 8) return ScalarType::Byte;
  return count <= 1 << 15 ? ScalarType::Short : ScalarType::Int;
}

Tensor nothing_saved() { return zeros({0}, ScalarType::Byte); }

/// 32 bits count components, as they do winners.
void check_counts(const Pair& pair) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  check(pair.x.size(1) <= kMost, "x has ", pair.x.size(1), " components; expected at most ", kMost);
  check(pair.y.size(1) <= kMost, "y has ", pair.y.size(1), " components; expected at most ", kMost);
}

IndexArray index_array(const Tensor& argmax) {
  return {argmax.numel() > 0 ? argmax.mutable_data_ptr() : nullptr,
          static_cast<int64_t>(argmax.element_size())};
}

/// Require every winner, also those of invalid components, to be an index below `count`.
void check_winners(const char* name, const Tensor& argmax, int64_t count) {
  if (count == 0) return;  // nothing is read
  index_array(argmax).with_type([&](const auto* winners) {
    std::atomic<int64_t> wrong{0};
    torch::stable::parallel_for(0, argmax.numel(), 1 << 16, [&](int64_t begin, int64_t end) {
      int32_t low = 0, high = 0;
      for (int64_t i = begin; i < end; ++i) {
        low = std::min<int32_t>(low, winners[i]);
        high = std::max<int32_t>(high, winners[i]);
      }
      if (low < 0 || high >= count) wrong = low < 0 ? low : high;
    });
    check(wrong == 0, name, " holds ", wrong.load(), "; expected the index of one of ", count,
          " components in every place");
  });
}

template <class Value>
FgmSide<Value> side_of_x(const Tensor& values, const Tensor& argmax) {
  return {static_cast<Value*>(values.mutable_data_ptr()), index_array(argmax), values.size(1), 1};
}

template <class Value>
FgmSide<Value> side_of_y(const Tensor& values, const Tensor& argmax) {
  return {static_cast<Value*>(values.mutable_data_ptr()), index_array(argmax), 1, values.size(1)};
}

template <bool kArgmax, class In, class T>
void forward(const Components<In>& x, const Components<In>& y, FgmSide<T> x_side,
             FgmSide<T> y_side) {
  // The side with fewer components forms the panels: more of its samples fit side by side.
  if (x.count < y.count) {
    fgm_forward<TorchRuntime, kArgmax>(y, x, y_side, x_side);
  } else {
    fgm_forward<TorchRuntime, kArgmax>(x, y, x_side, y_side);
  }
}

std::tuple<Tensor, Tensor, Tensor, Tensor> fgm_similarity(const Tensor& x, const Tensor& y,
                                                          const std::optional<Tensor>& x_mask,
                                                          const std::optional<Tensor>& y_mask,
                                                          bool save_argmax) {
  const Pair pair(x, y, x_mask, y_mask, 3);
  check_counts(pair);
  const int64_t bx = x.size(0), by = y.size(0), n = x.size(1), m = y.size(1);
  const ScalarType type = accumulation_type(x);
  const Tensor x_to_y = zeros({bx, by}, type), y_to_x = zeros({bx, by}, type);
  const Tensor x_argmax = save_argmax ? zeros({bx, by, n}, argmax_type(m)) : nothing_saved();
  const Tensor y_argmax = save_argmax ? zeros({bx, by, m}, argmax_type(n)) : nothing_saved();
  dispatch(x, [&](auto in) {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto xs = pair.x_components<In>(), ys = pair.y_components<In>();
    if (xs.rows() == 0 || ys.rows() == 0) return;
    const auto x_side = side_of_x<T>(x_to_y, x_argmax), y_side = side_of_y<T>(y_to_x, y_argmax);
    if (save_argmax) {
      forward<true>(xs, ys, x_side, y_side);
    } else {
      forward<false>(xs, ys, x_side, y_side);
    }
  });
  return {x_to_y, y_to_x, x_argmax, y_argmax};
}

std::tuple<Tensor, Tensor> fgm_similarity_backward(const Tensor& grad_x_to_y,
                                                   const Tensor& grad_y_to_x, const Tensor& x,
                                                   const Tensor& y,
                                                   const std::optional<Tensor>& x_mask,
                                                   const std::optional<Tensor>& y_mask,
                                                   const Tensor& x_argmax, const Tensor& y_argmax) {
  const Pair pair(x, y, x_mask, y_mask, 3);
  check_counts(pair);
  const int64_t bx = x.size(0), by = y.size(0), n = x.size(1), m = y.size(1);
  check(x_argmax.dim() == 3, "save_argmax=False leaves fgm_similarity without a gradient");
  const Tensor grad_of_x = checked(grad_x_to_y, {bx, by}, accumulation_type(x));
  const Tensor grad_of_y = checked(grad_y_to_x, {bx, by}, accumulation_type(x));
  const Tensor winners_x = checked(x_argmax, {bx, by, n}, argmax_type(m));
  const Tensor winners_y = checked(y_argmax, {bx, by, m}, argmax_type(n));
  check_winners("x_argmax", winners_x, m);
  check_winners("y_argmax", winners_y, n);
  Tensor grad_x = empty(pair.x.sizes(), x.scalar_type()),
         grad_y = empty(pair.y.sizes(), x.scalar_type());
  dispatch(x, [&](auto in) {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto xs = pair.x_components<In>(), ys = pair.y_components<In>();
    const auto x_side = side_of_x<const T>(grad_of_x, winners_x),
               y_side = side_of_y<const T>(grad_of_y, winners_y);
    fgm_backward<TorchRuntime>(xs, ys, x_side, y_side, data<In>(grad_x));
    fgm_backward<TorchRuntime>(ys, xs, y_side, x_side, data<In>(grad_y));
  });
  return {grad_x, grad_y};
}

}  // namespace
}  // namespace alignops

STABLE_TORCH_LIBRARY_IMPL(alignops, CPU, m) {
  m.impl("fgm_similarity", TORCH_BOX(&alignops::fgm_similarity));
  m.impl("fgm_similarity_backward", TORCH_BOX(&alignops::fgm_similarity_backward));
}

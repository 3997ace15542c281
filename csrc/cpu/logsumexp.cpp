// alignops::similarity_logsumexp on the CPU.
#include "core/logsumexp.h"

#include <torch/csrc/stable/library.h>

#include <limits>
#include <tuple>

#include "cpu/gradients.h"
#include "cpu/runtime.h"

namespace alignops {
namespace {

/// A result with one value per stored row, filled with `value`.
template <class T>
Tensor filled(const Tensor& like, T value) {
  Tensor result = empty({like.size(0)}, accumulation_type(like));
  std::fill_n(data<T>(result), like.size(0), value);
  return result;
}

std::tuple<Tensor, Tensor> similarity_logsumexp(const Tensor& x, const Tensor& y,
                                                const Tensor& scale,
                                                const std::optional<Tensor>& x_mask,
                                                const std::optional<Tensor>& y_mask) {
  const Pair pair(x, y, x_mask, y_mask, 2);
  return dispatch(x, [&](auto in) -> std::tuple<Tensor, Tensor> {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto xs = pair.x_components<In>(), ys = pair.y_components<In>();
    const LogsumexpPartials<In> partials(xs, ys);
    for_each_tile<TorchRuntime>(xs, ys, scalar<T>(scale), [&](int64_t max_columns) {
      return partials.epilogue(max_columns);
    });
    const T nothing = -std::numeric_limits<T>::infinity();
    Tensor row = filled<T>(x, nothing), col = filled<T>(y, nothing);
    partials.combine_into(data<T>(row), data<T>(col));
    return {row, col};
  });
}

/// Values of the valid rows of a (B,) tensor.
template <class In>
Buffer<Accumulator<In>> gathered(const Components<In>& components, const Tensor& values) {
  const Tensor stored = checked(values, {components.batch},
                                torch::headeronly::CppTypeToScalarType<Accumulator<In>>::value);
  const auto* from = data<Accumulator<In>>(stored);
  Buffer<Accumulator<In>> result(components.rows());
  for (int64_t row = 0; row < components.rows(); ++row) result[row] = from[components.source(row)];
  return result;
}

std::tuple<Tensor, Tensor, Tensor> similarity_logsumexp_backward(
    const Tensor& grad_row, const Tensor& grad_col, const Tensor& x, const Tensor& y,
    const Tensor& scale, const std::optional<Tensor>& x_mask, const std::optional<Tensor>& y_mask,
    const Tensor& row, const Tensor& col) {
  const Pair pair(x, y, x_mask, y_mask, 2);
  return dispatch(x, [&](auto in) -> std::tuple<Tensor, Tensor, Tensor> {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto xs = pair.x_components<In>(), ys = pair.y_components<In>();
    const auto grad_rows = gathered(xs, grad_row), rows = gathered(xs, row);
    const auto grad_cols = gathered(ys, grad_col), cols = gathered(ys, col);
    GradientRows<In> grad_x(xs, pair.x), grad_y(ys, pair.y);
    accumulate_gradients<TorchRuntime>(
        xs, ys, scalar<T>(scale),
        [&](int64_t max_columns) {
          return LogsumexpBackward<T>(grad_rows.get(), grad_cols.get(), rows.get(), cols.get(),
                                      max_columns);
        },
        grad_x.rows(), grad_y.rows());
    Tensor grad_scale = empty({}, accumulation_type(x));
    *data<T>(grad_scale) = static_cast<T>(inner_product(xs, grad_x.rows()));
    return {grad_x.finish(scalar<T>(scale)), grad_y.finish(scalar<T>(scale)), grad_scale};
  });
}

}  // namespace
}  // namespace alignops

STABLE_TORCH_LIBRARY_IMPL(alignops, CPU, m) {
  m.impl("similarity_logsumexp", TORCH_BOX(&alignops::similarity_logsumexp));
  m.impl("similarity_logsumexp_backward", TORCH_BOX(&alignops::similarity_logsumexp_backward));
}

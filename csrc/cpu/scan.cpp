// alignops::scan_similarity on the CPU.
#include "core/scan.h"

#include <torch/csrc/stable/library.h>

#include <tuple>

#include "cpu/arguments.h"
#include "cpu/runtime.h"

namespace alignops {
namespace {

/// The valid components divided by their norms.
template <class In>
Buffer<Accumulator<In>> normalised(const Components<In>& components) {
  const int64_t dim = components.dim;
  Buffer<Accumulator<In>> result(components.batch * components.count * dim);
  torch::stable::parallel_for(0, components.rows(), 64, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = components.source(row) * dim;
      normalise(components.data + at, dim, result.get() + at);
    }
  });
  return result;
}

std::tuple<Tensor, Tensor> scan_similarity(const Tensor& x, const Tensor& y,
                                           const std::optional<Tensor>& x_mask,
                                           const std::optional<Tensor>& y_mask,
                                           double negative_slope) {
  const Pair pair(x, y, x_mask, y_mask, 3);
  const ScalarType type = accumulation_type(x);
  Tensor x_to_y = zeros({x.size(0), y.size(0)}, type);
  Tensor y_to_x = zeros({x.size(0), y.size(0)}, type);
  dispatch(x, [&](auto in) {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto xs = pair.x_components<In>(), ys = pair.y_components<In>();
    if (xs.rows() == 0 || ys.rows() == 0) return;
    const auto x_normalised = normalised(xs), y_normalised = normalised(ys);
    scan_forward<TorchRuntime>(xs.with_values(x_normalised.get()),
                               ys.with_values(y_normalised.get()), static_cast<T>(negative_slope),
                               {data<T>(x_to_y), data<T>(y_to_x)});
  });
  return {x_to_y, y_to_x};
}

}  // namespace
}  // namespace alignops

STABLE_TORCH_LIBRARY_IMPL(alignops, CPU, m) {
  m.impl("scan_similarity", TORCH_BOX(&alignops::scan_similarity));
}

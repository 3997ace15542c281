// alignops::exact_powerset_similarity on the CPU.
#include "core/exact_powerset.h"

#include <torch/csrc/stable/library.h>

#include <tuple>

#include "cpu/gradients.h"
#include "cpu/runtime.h"

namespace alignops {
namespace {

constexpr int64_t kMaxRegions = 20;

std::tuple<Tensor, Tensor> exact_powerset_similarity(const Tensor& regions, const Tensor& phrases,
                                                     const std::optional<Tensor>& region_mask,
                                                     const std::optional<Tensor>& phrase_mask) {
  const Pair pair(regions, phrases, region_mask, phrase_mask, 3);
  check(regions.size(1) <= kMaxRegions, "expected at most ", kMaxRegions, " regions");
  const ScalarType type = accumulation_type(regions);
  Tensor r2t = zeros({regions.size(0), phrases.size(0)}, type);
  Tensor t2r = zeros({regions.size(0), phrases.size(0)}, type);
  dispatch(regions, [&](auto in) {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto xs = pair.x_components<In>(), ys = pair.y_components<In>();
    exact_powerset_forward<TorchRuntime>(xs, ys, data<T>(r2t), data<T>(t2r));
  });
  return {r2t, t2r};
}

std::tuple<Tensor, Tensor> exact_powerset_similarity_backward(
    const Tensor& grad_r2t, const Tensor& grad_t2r, const Tensor& regions, const Tensor& phrases,
    const std::optional<Tensor>& region_mask, const std::optional<Tensor>& phrase_mask) {
  const Pair pair(regions, phrases, region_mask, phrase_mask, 3);
  check(regions.size(1) <= kMaxRegions, "expected at most ", kMaxRegions, " regions");
  const ScalarType type = accumulation_type(regions);
  const int64_t images = regions.size(0), texts = phrases.size(0);
  const Tensor of_r2t = checked(grad_r2t, {images, texts}, type);
  const Tensor of_t2r = checked(grad_t2r, {images, texts}, type);
  return dispatch(regions, [&](auto in) -> std::tuple<Tensor, Tensor> {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto xs = pair.x_components<In>(), ys = pair.y_components<In>();
    GradientRows<In> grad_regions(xs, pair.x), grad_phrases(ys, pair.y);
    accumulate_gradients<TorchRuntime>(
        xs, ys, T(1),
        [&](int64_t) {
          return ExactPowersetBackward<TorchRuntime, In>(xs, ys, data<T>(of_r2t), data<T>(of_t2r));
        },
        grad_regions.rows(), grad_phrases.rows());
    return {grad_regions.finish(), grad_phrases.finish()};
  });
}

}  // namespace
}  // namespace alignops

STABLE_TORCH_LIBRARY_IMPL(alignops, CPU, m) {
  m.impl("exact_powerset_similarity", TORCH_BOX(&alignops::exact_powerset_similarity));
  m.impl("exact_powerset_similarity_backward",
         TORCH_BOX(&alignops::exact_powerset_similarity_backward));
}

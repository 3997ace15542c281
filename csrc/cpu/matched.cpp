// alignops::matched_similarity on the CPU.
#include "core/matched.h"

#include <torch/csrc/stable/library.h>

#include <tuple>

#include "core/tiles.h"
#include "cpu/arguments.h"

namespace alignops {
namespace {

// Rows that a thread takes at a time.
constexpr int64_t kGrain = 64;

/// The image of each text (T,), checked to be one of `images`.
Tensor checked_images(const Tensor& text_image, int64_t texts, int64_t images) {
  const Tensor result = checked(text_image, {texts}, ScalarType::Long);
  const int64_t* image_of = data<int64_t>(result);
  for (int64_t k = 0; k < texts; ++k) {
    STD_TORCH_CHECK(0 <= image_of[k] && image_of[k] < images, "text_image[", k, "] is ",
                    image_of[k], "; expected the index of one of ", images, " images");
  }
  return result;
}

Tensor matched_similarity(const Tensor& image, const Tensor& text, const Tensor& text_image) {
  const Pair pair(image, text, std::nullopt, std::nullopt, 2);
  const int64_t texts = text.size(0), dim = text.size(1);
  const Tensor owner = checked_images(text_image, texts, image.size(0));
  Tensor result = zeros(text, {texts}, accumulation_type(text));
  dispatch(text, [&](auto in) {
    using In = decltype(in);
    const In *images = data<In>(pair.x), *rows = data<In>(pair.y);
    const int64_t* image_of = data<int64_t>(owner);
    auto* out = data<Accumulator<In>>(result);
    torch::stable::parallel_for(0, texts, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        out[k] = dot(images + image_of[k] * dim, rows + k * dim, dim);
      }
    });
  });
  return result;
}

std::tuple<Tensor, Tensor> matched_similarity_backward(const Tensor& grad, const Tensor& image,
                                                       const Tensor& text,
                                                       const Tensor& text_image) {
  const Pair pair(image, text, std::nullopt, std::nullopt, 2);
  const int64_t images = image.size(0), texts = text.size(0), dim = text.size(1);
  const Tensor owner = checked_images(text_image, texts, images);
  const Tensor weights = checked(grad, {texts}, accumulation_type(text));
  Tensor grad_image = torch::stable::empty_like(pair.x);
  Tensor grad_text = torch::stable::empty_like(pair.y);
  dispatch(text, [&](auto in) {
    using In = decltype(in);
    using T = Accumulator<In>;
    const In *image_rows = data<In>(pair.x), *text_rows = data<In>(pair.y);
    const int64_t* image_of = data<int64_t>(owner);
    const T* weight = data<T>(weights);
    In *of_image = data<In>(grad_image), *of_text = data<In>(grad_text);
    torch::stable::parallel_for(0, texts, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const In* row = image_rows + image_of[k] * dim;
        for (int64_t d = 0; d < dim; ++d) {
          of_text[k * dim + d] = static_cast<In>(weight[k] * static_cast<T>(row[d]));
        }
      }
    });
    const TextsByImage by_image(image_of, texts, images);
    torch::stable::parallel_for(0, images, kGrain, [&](int64_t begin, int64_t end) {
      Buffer<T> sums(dim);
      for (int64_t i = begin; i < end; ++i) {
        matched_image_gradient(by_image, i, weight, text_rows, dim, sums.get(), of_image);
      }
    });
  });
  return {grad_image, grad_text};
}

}  // namespace
}  // namespace alignops

STABLE_TORCH_LIBRARY_IMPL(alignops, CPU, m) {
  m.impl("matched_similarity", TORCH_BOX(&alignops::matched_similarity));
  m.impl("matched_similarity_backward", TORCH_BOX(&alignops::matched_similarity_backward));
}

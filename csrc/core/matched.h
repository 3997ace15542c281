// The similarity of each text with its own image: the numerators of a contrastive loss. No text
// needs a copy of its image's embedding.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/dot.h"

namespace alignops {

/// The texts of every image, in order: those of image i are [offsets[i], offsets[i + 1]) of
/// `texts`.
struct TextsByImage {
  std::vector<int64_t> offsets, texts;

  TextsByImage(const int64_t* image_of, int64_t text_count, int64_t image_count)
      : offsets(image_count + 1), texts(text_count) {
    for (int64_t k = 0; k < text_count; ++k) ++offsets[image_of[k] + 1];
    std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
    std::vector<int64_t> next(offsets.begin(), offsets.end() - 1);
    for (int64_t k = 0; k < text_count; ++k) texts[next[image_of[k]]++] = k;
  }
};

/// Gradient of one image: the sum of its texts, each times its gradient, in the order of the texts.
template <class In>
void matched_image_gradient(const TextsByImage& by_image, int64_t image,
                            const Accumulator<In>* grad, const In* text, int64_t dim,
                            Accumulator<In>* sums, In* grad_image) {
  using T = Accumulator<In>;
  std::fill_n(sums, dim, T(0));
  for (int64_t at = by_image.offsets[image]; at < by_image.offsets[image + 1]; ++at) {
    const int64_t k = by_image.texts[at];
    for (int64_t d = 0; d < dim; ++d) sums[d] += grad[k] * static_cast<T>(text[k * dim + d]);
  }
  for (int64_t d = 0; d < dim; ++d) grad_image[image * dim + d] = static_cast<In>(sums[d]);
}

}  // namespace alignops

// The multi-positive contrastive loss: weights of the texts, and logsumexp epilogues that also
// handle each text's logit with its own image.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/logsumexp.h"

namespace alignops {

/// The texts of a problem: the image of each, and whether it is a positive (null: all are).
struct Texts {
  const int64_t* image_index;
  const bool* positive;
  int64_t count;
};

/// Weights of the terms of the loss, which is
///   sum over texts k of of_image[k] (row[image_index[k]] - own[k]) + of_text[k] (col[k] - own[k]);
/// of_row[i] is the sum of of_image[k] over the texts of image i.
template <class T>
struct ContrastiveWeights {
  Buffer<T> of_row, of_image, of_text;

  ContrastiveWeights(const Texts& texts, int64_t images, bool mean)
      : of_row(images), of_image(texts.count), of_text(texts.count) {
    std::vector<int64_t> positives(images);
    int64_t positive_texts = 0;
    for (int64_t k = 0; k < texts.count; ++k) {
      if (texts.positive && !texts.positive[k]) continue;
      ++positives[texts.image_index[k]];
      ++positive_texts;
    }
    const int64_t anchors = images - std::count(positives.begin(), positives.end(), 0);
    const double half_of_row = mean ? 0.5 / std::max<int64_t>(anchors, 1) : 0.5;
    const double half_of_text = mean ? 0.5 / std::max<int64_t>(positive_texts, 1) : 0.5;
    for (int64_t i = 0; i < images; ++i) of_row[i] = T(positives[i] > 0 ? half_of_row : 0);
    for (int64_t k = 0; k < texts.count; ++k) {
      const bool counts = !texts.positive || texts.positive[k];
      of_image[k] = T(counts ? half_of_row / positives[texts.image_index[k]] : 0);
      of_text[k] = T(counts ? half_of_text : 0);
    }
  }
};

/// The loss, from the denominators and each text's logit with its own image. Terms of weight 0 are
/// added too, so that a NaN propagates.
template <class T>
inline T contrastive_loss(const Texts& texts, const ContrastiveWeights<T>& weights, const T* row,
                          const T* col, const T* own) {
  double sum = 0;
  for (int64_t k = 0; k < texts.count; ++k) {
    sum += weights.of_image[k] * (static_cast<double>(row[texts.image_index[k]]) - own[k]);
    sum += weights.of_text[k] * (static_cast<double>(col[k]) - own[k]);
  }
  return static_cast<T>(sum);
}

/// Call body(k, at) for each text k of a tile that also holds its image; `at` is their logit.
template <class Body>
inline void for_each_own(const int64_t* image_index, const Block& images, const Block& texts,
                         const Body& body) {
  for (int64_t k = texts.begin; k < texts.end; ++k) {
    const int64_t i = image_index[k];
    if (i < images.begin || i >= images.end) continue;
    body(k, (i - images.begin) * texts.rows() + k - texts.begin);
  }
}

/// Forward epilogue: a tile's partial denominators, and each text's logit with its own image.
template <class T>
class ContrastiveForward {
 public:
  ContrastiveForward(LogsumexpForward<T> denominators, const int64_t* image_index, T* own)
      : denominators_(std::move(denominators)), image_index_(image_index), own_(own) {}

  void operator()(const T* tile, const Block& xb, const Block& yb) const {
    denominators_(tile, xb, yb);
    for_each_own(image_index_, xb, yb, [&](int64_t k, int64_t at) { own_[k] = tile[at]; });
  }

 private:
  LogsumexpForward<T> denominators_;
  const int64_t* const image_index_;
  T* const own_;
};

/// Backward epilogue: replaces the logits by the gradient of the loss.
template <class T>
class ContrastiveBackward {
 public:
  ContrastiveBackward(const int64_t* image_index, const ContrastiveWeights<T>& weights,
                      const T* row, const T* col, int64_t max_columns)
      : denominators_(weights.of_row.get(), weights.of_text.get(), row, col, max_columns),
        image_index_(image_index),
        weights_(weights) {}

  void operator()(T* tile, const Block& xb, const Block& yb) const {
    denominators_(tile, xb, yb);
    for_each_own(image_index_, xb, yb, [&](int64_t k, int64_t at) {
      tile[at] -= weights_.of_image[k] + weights_.of_text[k];
    });
  }

 private:
  LogsumexpBackward<T> denominators_;
  const int64_t* const image_index_;
  const ContrastiveWeights<T>& weights_;
};

}  // namespace alignops

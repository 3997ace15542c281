// Random batches of components, and their dense similarities.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "core/components.h"

namespace alignops {

struct Sizes {
  int64_t x_batch, n, y_batch, m, dim;
  bool masked;
};

/// One side of a problem. Its values fill a block of exactly their size, so a sanitizer detects a
/// read past the end; values of invalid components are NaN, so a result shows that they were read.
template <class T>
struct Side {
  int64_t batch, count, dim;
  std::vector<T> values;
  std::unique_ptr<bool[]> mask;  // null: all valid

  Side(int64_t batch, int64_t count, int64_t dim, bool masked, std::mt19937& random)
      : batch(batch), count(count), dim(dim), values(batch * count * dim) {
    std::normal_distribution<double> normal;
    for (T& value : values) value = static_cast<T>(normal(random) / std::sqrt(dim));
    if (!masked) return;
    mask = std::make_unique<bool[]>(batch * count);
    for (int64_t i = 0; i < batch * count; ++i) {
      mask[i] = random() % 3 > 0;
      if (!mask[i]) std::fill_n(values.data() + i * dim, dim, std::nan(""));
    }
  }

  Components<T> components() const { return {values.data(), mask.get(), batch, count, dim}; }
  bool valid(int64_t sample, int64_t k) const { return !mask || mask[sample * count + k]; }
};

template <class T>
struct Problem {
  Side<T> x, y;

  Problem(const Sizes& sizes, std::mt19937& random)
      : x(sizes.x_batch, sizes.n, sizes.dim, sizes.masked, random),
        y(sizes.y_batch, sizes.m, sizes.dim, sizes.masked, random) {}

  /// The similarities of one pair of samples: a row per valid component of x.
  std::vector<std::vector<double>> similarities(int64_t i, int64_t j) const {
    std::vector<std::vector<double>> result;
    for (int64_t k = 0; k < x.count; ++k) {
      if (!x.valid(i, k)) continue;
      result.emplace_back();
      for (int64_t l = 0; l < y.count; ++l) {
        if (!y.valid(j, l)) continue;
        double sum = 0;
        for (int64_t d = 0; d < x.dim; ++d) {
          sum += static_cast<double>(x.values[(i * x.count + k) * x.dim + d]) *
                 y.values[(j * y.count + l) * y.dim + d];
        }
        result.back().push_back(sum);
      }
    }
    return result;
  }
};

}  // namespace alignops

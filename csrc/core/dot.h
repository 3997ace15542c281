// The inner product of two stored embeddings.
#pragma once

#include <numeric>

#include "core/components.h"
#include "core/vector.h"

namespace alignops {

/// <a, b> in the accumulation type, from partial sums in one vector register.
template <class In>
inline Accumulator<In> dot(const In* a, const In* b, int64_t dim) {
  using T = Accumulator<In>;
  T partial[kLanes<T>] = {};
  int64_t d = 0;
  for (; d + kLanes<T> <= dim; d += kLanes<T>) {
    for (int64_t lane = 0; lane < kLanes<T>; ++lane) {
      partial[lane] += static_cast<T>(a[d + lane]) * static_cast<T>(b[d + lane]);
    }
  }
  T sum = std::accumulate(partial, partial + kLanes<T>, T(0));
  for (; d < dim; ++d) sum += static_cast<T>(a[d]) * static_cast<T>(b[d]);
  return sum;
}

}  // namespace alignops

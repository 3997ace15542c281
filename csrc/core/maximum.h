// Running maxima that propagate NaN.
#pragma once

#include <cstdint>

#include "core/vector.h"

namespace alignops {

/// A running maximum in each lane, and its index. On a tie the first wins; the first NaN wins over
/// everything.
template <class T, bool kArgmax>
struct Maximum {
  Vector<T> value = Vector<T>{} + kMinusInfinity<T>;
  Vector<Integer<T>> arg{};

  Maximum() = default;
  Maximum(const T* values, const Integer<T>* args) : value(load(values)) {
    if constexpr (kArgmax) arg = load(args);
  }

  void take(Vector<T> next, int64_t index) {
    const auto better = ~(next <= value) & (value == value);
    value = better ? next : value;
    if constexpr (kArgmax) arg = better ? decltype(arg){} + static_cast<Integer<T>>(index) : arg;
  }

  void save(T* values, Integer<T>* args) const {
    store(values, value);
    if constexpr (kArgmax) store(args, arg);
  }
};

}  // namespace alignops

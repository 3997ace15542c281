// Running maxima that keep NaN, of vectors whose last lanes may mean nothing.
#pragma once

#include <cstdint>
#include <limits>

#include "core/vector.h"

namespace alignops {

template <class T>
constexpr T kLowest = -std::numeric_limits<T>::infinity();

/// A running maximum in every lane, and the index where it was met. The first NaN wins and stays;
/// among equals the first.
template <class T, bool kArgmax>
struct Maximum {
  Vector<T> value = Vector<T>{} + kLowest<T>;
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

/// The first `width` lanes of a vector, `rest` in those behind them.
template <class T>
inline Vector<T> first_lanes(Vector<T> v, int64_t width, T rest) {
  if (width >= kLanes<T>) return v;
  Vector<Integer<T>> lane;
  for (int64_t i = 0; i < kLanes<T>; ++i) lane[i] = i;
  return lane < static_cast<Integer<T>>(width) ? v : Vector<T>{} + rest;
}

}  // namespace alignops

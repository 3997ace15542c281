// Vectors of the compiler's own, as wide as the instruction set this file is compiled for, and
// their mathematics. NaN in gives NaN out everywhere; -ffast-math is never on.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace alignops {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
constexpr int64_t kLanes = kVectorBytes / sizeof(T);

// The alias alone cannot carry the attribute for a dependent type.
template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

/// The integers as wide as T: what comparing vectors of T yields, and what indexes its lanes.
template <class T>
using Integer = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

template <class T>
inline Vector<T> load(const T* from) {
  Vector<T> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
inline void store(T* to, Vector<T> v) {
  std::memcpy(to, &v, sizeof v);
}

/// The first `width` lanes of a vector's worth of memory; zeros behind them.
template <class T>
inline Vector<T> load_first(const T* from, int64_t width) {
  if (width == kLanes<T>) return load(from);
  Vector<T> v{};
  std::memcpy(&v, from, width * sizeof(T));
  return v;
}

template <class T>
inline void store_first(T* to, Vector<T> v, int64_t width) {
  if (width == kLanes<T>) return store(to, v);
  std::memcpy(to, &v, width * sizeof(T));
}

/// The sum of the first `width` lanes, always in the same order.
template <class T>
inline T sum_first(Vector<T> v, int64_t width) {
  T sum = 0;
  for (int64_t lane = 0; lane < width; ++lane) sum += v[lane];
  return sum;
}

/// Round a length up to whole vectors.
template <class T>
constexpr int64_t padded(int64_t length) {
  return (length + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

inline Vector<float> power_of_two(Vector<int32_t> n) {
  return reinterpret_cast<Vector<float>>((n + 127) << 23);
}

/// exp(x), within 2 units in the last place; 0 below the smallest normal number.
inline Vector<float> exp(Vector<float> x) {
  const Vector<float> low = Vector<float>{} - 87.33654f, high = Vector<float>{} + 88.72283f;
  const Vector<float> clamped = x < low ? low : (x > high ? high : x);
  // x = n log 2 + r with |r| <= log(2) / 2; adding 1.5 * 2^23 rounds to an integer.
  const float kRound = 12582912.0f;
  const Vector<float> n = (clamped * 1.44269504f + kRound) - kRound;
  const Vector<float> r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Vector<float> p = Vector<float>{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2^n in two steps: 2^128 has no representation, but exp(88.7) does.
  const Vector<int32_t> whole = __builtin_convertvector(n, Vector<int32_t>);
  const Vector<int32_t> half = whole >> 1;
  const Vector<float> result = p * power_of_two(half) * power_of_two(whole - half);
  const Vector<float> infinite = Vector<float>{} + std::numeric_limits<float>::infinity();
  return x < low ? Vector<float>{} : (x > high ? infinite : result);
}

/// log(x) for normal x > 0, within 2 units in the last place.
inline Vector<float> log(Vector<float> x) {
  // x = m 2^n with m in [sqrt(1/2), sqrt(2)).
  const Vector<int32_t> bits = reinterpret_cast<Vector<int32_t>>(x);
  const Vector<int32_t> shifted = (bits - 0x3f3504f3) >> 23;
  const Vector<float> m = reinterpret_cast<Vector<float>>(bits - (shifted << 23));
  const Vector<float> n = __builtin_convertvector(shifted, Vector<float>);
  const Vector<float> r = m - 1.0f, square = r * r;
  Vector<float> p = Vector<float>{} + 7.0376836292e-2f;
  p = p * r - 1.1514610310e-1f;
  p = p * r + 1.1676998740e-1f;
  p = p * r - 1.2420140846e-1f;
  p = p * r + 1.4249322787e-1f;
  p = p * r - 1.6668057665e-1f;
  p = p * r + 2.0000714765e-1f;
  p = p * r - 2.4999993993e-1f;
  p = p * r + 3.3333331174e-1f;
  p = p * r * square - n * 2.12194440e-4f - 0.5f * square;
  const Vector<float> result = r + p + n * 0.693359375f;
  return x == x ? result : x;
}

/// log(1 + x) for x >= 0, accurate for tiny x too.
inline Vector<float> log1p(Vector<float> x) {
  const Vector<float> sum = 1.0f + x;
  // What rounding took from x in the sum, to first order.
  return log(sum) + (x - (sum - 1.0f)) / sum;
}

// Double is for reference and gradient checks: the C library's own accuracy, a lane at a time.
template <class F>
inline Vector<double> by_lane(Vector<double> x, const F& function) {
  for (int64_t lane = 0; lane < kLanes<double>; ++lane) x[lane] = function(x[lane]);
  return x;
}
inline Vector<double> exp(Vector<double> x) {
  return by_lane(x, [](double v) { return std::exp(v); });
}
inline Vector<double> log(Vector<double> x) {
  return by_lane(x, [](double v) { return std::log(v); });
}
inline Vector<double> log1p(Vector<double> x) {
  return by_lane(x, [](double v) { return std::log1p(v); });
}

/// Whether the sign bit is set, of zeros and NaN too.
template <class T>
inline auto signbit(Vector<T> x) {
  return reinterpret_cast<Vector<Integer<T>>>(x) < 0;
}

template <class T>
inline Vector<T> abs(Vector<T> x) {
  return signbit<T>(x) ? -x : x;
}

/// x, or 0 where its product with a value below 1 may be subnormal: processors take many times
/// longer over such a product, and a matrix product is made of millions.
template <class T>
inline Vector<T> flush_tiny(Vector<T> x) {
  constexpr T kLeast = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  return abs<T>(x) < kLeast ? Vector<T>{} : x;
}

}  // namespace alignops

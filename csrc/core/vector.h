// The compiler's vector types, as wide as the target instruction set, and their mathematics. NaN in
// gives NaN out everywhere; -ffast-math is never on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

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

/// The integer as wide as T: the type of comparisons of vectors of T, and of lane indices.
template <class T>
using Integer = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

template <class T>
constexpr T kMinusInfinity = -std::numeric_limits<T>::infinity();

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

/// Load the first `width` lanes; the others are zero.
template <class T>
inline Vector<T> load_first(const T* from, int64_t width) {
  if (width == kLanes<T>) return load(from);
#if defined(__AVX512F__)
  // A mask, as a call of memcpy would empty all registers.
  if constexpr (std::is_same_v<T, float>) {
    return reinterpret_cast<Vector<float>>(_mm512_maskz_loadu_ps((1u << width) - 1, from));
  }
#endif
  Vector<T> v{};
  std::memcpy(&v, from, width * sizeof(T));
  return v;
}

template <class T>
inline void store_first(T* to, Vector<T> v, int64_t width) {
  if (width == kLanes<T>) return store(to, v);
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<T, float>) {
    return _mm512_mask_storeu_ps(to, (1u << width) - 1, reinterpret_cast<__m512>(v));
  }
#endif
  std::memcpy(to, &v, width * sizeof(T));
}

/// Keep the first `width` lanes; the others are `rest`.
template <class T>
inline Vector<T> first_lanes(Vector<T> v, int64_t width, Vector<T> rest) {
  if (width >= kLanes<T>) return v;
  Vector<Integer<T>> lane;
  for (int64_t i = 0; i < kLanes<T>; ++i) lane[i] = i;
  return lane < static_cast<Integer<T>>(width) ? v : rest;
}
template <class T>
inline Vector<T> first_lanes(Vector<T> v, int64_t width, T rest) {
  return first_lanes<T>(v, width, Vector<T>{} + rest);
}

// If b is NaN, these two return a: a running minimum or maximum ignores NaN.
template <class T>
inline Vector<T> min(Vector<T> a, Vector<T> b) {
  return b < a ? b : a;
}
template <class T>
inline Vector<T> max(Vector<T> a, Vector<T> b) {
  return b > a ? b : a;
}

/// The lower, or upper, halves of two vectors, lane by lane in turn.
template <bool kUpper, class T, size_t... kLane>
inline Vector<T> interleaved(Vector<T> a, Vector<T> b, std::index_sequence<kLane...>) {
  constexpr int kFirst = kUpper ? kLanes<T> / 2 : 0;
#if defined(__clang__)
  return __builtin_shufflevector(a, b, (kFirst + kLane / 2 + kLane % 2 * kLanes<T>)...);
#else
  return __builtin_shuffle(a, b,
                           Vector<Integer<T>>{(kFirst + kLane / 2 + kLane % 2 * kLanes<T>)...});
#endif
}

/// Lane i of vector j becomes lane j of vector i.
template <class T>
inline void transpose(Vector<T> (&vectors)[kLanes<T>]) {
  constexpr int64_t kHalf = kLanes<T> / 2;
  constexpr std::make_index_sequence<kLanes<T>> kAll;
  // Each round moves the first bit of a value's place, vector and lane in one number, to the end.
  for (int64_t round = 1; round < kLanes<T>; round *= 2) {
    Vector<T> next[kLanes<T>];
    for (int64_t i = 0; i < kHalf; ++i) {
      next[2 * i] = interleaved<false, T>(vectors[i], vectors[i + kHalf], kAll);
      next[2 * i + 1] = interleaved<true, T>(vectors[i], vectors[i + kHalf], kAll);
    }
    std::copy_n(next, kLanes<T>, vectors);
  }
}

/// Fold the upper half of the lanes onto the lower one until a single lane is left.
template <class T, int kBytes = kVectorBytes, class V, class Fold>
inline T fold_lanes(V v, const Fold& fold) {
  if constexpr (kBytes == sizeof(T)) {
    return v[0];
  } else {
    typedef T Half __attribute__((vector_size(kBytes / 2)));
    Half halves[2];
    std::memcpy(halves, &v, sizeof v);
    return fold_lanes<T, kBytes / 2>(fold(halves[0], halves[1]), fold);
  }
}

template <class T>
inline T sum_lanes(Vector<T> v) {
  return fold_lanes<T>(v, [](auto a, auto b) { return a + b; });
}

template <class T>
inline T min_lanes(Vector<T> v) {
  return fold_lanes<T>(v, [](auto a, auto b) { return a < b ? a : b; });
}

template <class T>
inline T max_lanes(Vector<T> v) {
  return fold_lanes<T>(v, [](auto a, auto b) { return a > b ? a : b; });
}

/// Round a length up to whole vectors.
template <class T>
constexpr int64_t padded(int64_t length) {
  return (length + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

/// exp(x), within 2 units in the last place; 0 below exp(-87), the smallest normal numbers.
inline Vector<float> exp(Vector<float> x) {
  // x = n log 2 + r with |r| <= log(2) / 2; adding 1.5 * 2^23 rounds to an integer and leaves it in
  // the last bits.
  const float kRound = 12582912.0f;
  const Vector<float> rounded = x * 1.44269504f + kRound, n = rounded - kRound;
  const Vector<float> r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vector<float> p = Vector<float>{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // p 2^n, by adding n to the exponent of p: 2^128 itself has no representation.
  const auto exponent = reinterpret_cast<Vector<uint32_t>>(rounded) << 23;
  const auto result =
      reinterpret_cast<Vector<float>>(reinterpret_cast<Vector<uint32_t>>(p) + exponent);
  const Vector<float> beyond = x + std::numeric_limits<float>::infinity();  // NaN stays NaN
  return x < -87.0f ? Vector<float>{} : (x <= 88.72283f ? result : beyond);
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

/// log(1 + x) for x >= 0, accurate for tiny x too. Out of line: inlined, its constants would push
/// those of the surrounding loops out of the registers.
[[gnu::noinline]] inline Vector<float> log1p(Vector<float> x) {
  const Vector<float> sum = 1.0f + x;
  // The rounding error of the sum, to first order.
  return log(sum) + (x - (sum - 1.0f)) / sum;
}

// Double is for references and gradient checks: the C library's functions, one lane at a time.
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

/// Whether the sign bit is set, also for zeros and NaN.
template <class T>
inline auto signbit(Vector<T> x) {
  return reinterpret_cast<Vector<Integer<T>>>(x) < 0;
}

template <class T>
inline Vector<T> abs(Vector<T> x) {
  constexpr Integer<T> kMagnitude = std::numeric_limits<Integer<T>>::max();
  return reinterpret_cast<Vector<T>>(reinterpret_cast<Vector<Integer<T>>>(x) & kMagnitude);
}

/// x, or 0 if its product with a value below 1 may be subnormal: such products take a processor
/// many times longer, and a matrix product has millions.
template <class T>
inline Vector<T> flush_tiny(Vector<T> x) {
  constexpr T kLeast = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  return abs<T>(x) < kLeast ? Vector<T>{} : x;
}

}  // namespace alignops

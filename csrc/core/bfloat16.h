// bfloat16 as it lies in memory, and the product of its pairs.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/vector.h"

namespace alignops {

/// The upper half of a float.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  /// Rounded to nearest, ties to even.
  explicit BFloat16(float value) {
    const auto all = std::bit_cast<uint32_t>(value);
    const uint32_t rounded = (all + 0x7fff + (all >> 16 & 1)) >> 16;
    bits = static_cast<uint16_t>(value == value ? rounded : 0x7fc0);
  }
  operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

/// Two values that lie next to each other in memory; the first is the lower half.
using BFloat16Pair = uint32_t;

/// As many values as a vector holds floats.
typedef uint16_t BFloat16Lanes __attribute__((vector_size(kVectorBytes / 2)));

/// The first `width` values from memory as the lower halves of pairs whose upper halves are 0;
/// zeros behind them.
inline Vector<BFloat16Pair> load_lower(const BFloat16* from, int64_t width) {
  BFloat16Lanes lanes{};
  if (width == kLanes<float>) {
    std::memcpy(&lanes, from, sizeof lanes);
  } else {
    std::memcpy(&lanes, from, width * sizeof(BFloat16));
  }
  return __builtin_convertvector(lanes, Vector<BFloat16Pair>);
}

/// Write the first `width` lanes, rounded as one value is.
inline void store_rounded(BFloat16* to, Vector<float> values, int64_t width) {
  const auto all = reinterpret_cast<Vector<uint32_t>>(values);
  const Vector<uint32_t> rounded = (all + 0x7fff + (all >> 16 & 1)) >> 16;
  const Vector<uint32_t> nan = Vector<uint32_t>{} + 0x7fc0;
  const auto lanes = __builtin_convertvector(values == values ? rounded : nan, BFloat16Lanes);
  if (width == kLanes<float>) {
    std::memcpy(to, &lanes, sizeof lanes);
  } else {
    std::memcpy(to, &lanes, width * sizeof(BFloat16));
  }
}

// ALIGNOPS_PORTABLE_PAIRS has products of pairs taken where no instruction makes them fast, for
// tests of what surrounds them on any CPU.
#if defined(__AVX512BF16__) || defined(ALIGNOPS_PORTABLE_PAIRS)
constexpr bool kPairDot = true;
#else
constexpr bool kPairDot = false;
#endif

/// sum + <row, column>, in float, of one pair with a vector of pairs: first the second products are
/// added, then the first ones. A product of two bfloat16 is exact in float, so that it does not
/// matter whether a multiplication and an addition are fused.
inline Vector<float> portable_pair_dot(Vector<float> sum, BFloat16Pair row,
                                       Vector<BFloat16Pair> columns) {
  const auto first = [](Vector<BFloat16Pair> pairs) {
    return reinterpret_cast<Vector<float>>(pairs << 16);
  };
  const auto second = [](Vector<BFloat16Pair> pairs) {
    return reinterpret_cast<Vector<float>>(pairs & 0xffff0000u);
  };
  const Vector<BFloat16Pair> rows = Vector<BFloat16Pair>{} + row;
  sum += second(rows) * second(columns);
  return sum + first(rows) * first(columns);
}

/// The same by the CPU's instruction where it has one, bit for bit, but for subnormal numbers: the
/// instruction takes them for 0 and never returns one.
inline Vector<float> pair_dot(Vector<float> sum, BFloat16Pair row, Vector<BFloat16Pair> columns) {
#if defined(__AVX512BF16__)
  const __m512i rows = _mm512_set1_epi32(static_cast<int>(row));
  return reinterpret_cast<Vector<float>>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                                                          reinterpret_cast<__m512bh>(rows),
                                                          reinterpret_cast<__m512bh>(columns)));
#else
  return portable_pair_dot(sum, row, columns);
#endif
}

}  // namespace alignops

// The matrix product behind the similarities: rows with columns that are packed for it.
//
// Columns are packed in groups of a few vectors. Factor d of all columns of a group lies next to
// each other, so that the innermost loop reads them in the order of memory; a block of the result,
// some rows by a group, stays in registers over the whole embedding. Each similarity is summed in
// the order of the embedding, whatever the blocks: it depends on its two components alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/bfloat16.h"
#include "core/components.h"
#include "core/vector.h"

namespace alignops {

/// The type in which components of type In are multiplied.
template <class In>
using Operand =
    std::conditional_t<kPairDot && std::is_same_v<In, BFloat16>, BFloat16, Accumulator<In>>;

/// What of a row meets a vector of columns at once: a value, of bfloat16 two.
template <class Row>
using Factor = std::conditional_t<std::is_same_v<Row, BFloat16>, BFloat16Pair, Row>;

template <class Row>
constexpr int64_t kValuesPerFactor = sizeof(Factor<Row>) / sizeof(Row);

/// A length rounded up to whole factors: rows of the product are that long, with zeros at the end.
template <class Row>
constexpr int64_t whole_factors(int64_t length) {
  return (length + kValuesPerFactor<Row> - 1) / kValuesPerFactor<Row> * kValuesPerFactor<Row>;
}

template <class T>
inline Vector<T> multiply_add(Vector<T> sum, T factor, Vector<T> columns) {
  return sum + factor * columns;
}
inline Vector<float> multiply_add(Vector<float> sum, BFloat16Pair factor,
                                  Vector<BFloat16Pair> columns) {
  return pair_dot(sum, factor, columns);
}

// A block of sums takes 24 of 32 registers with AVX-512, else 12 of 16.
constexpr int kBlockVectors = kVectorBytes == 64 ? 24 : 12;
constexpr int kGroupVectors = 3;

/// How many vectors the next group takes of those that are left: a last one of one vector would
/// load a factor of a row for every multiplication.
constexpr int64_t next_group(int64_t vectors) {
  return vectors == kGroupVectors + 1 ? 2 : std::min<int64_t>(vectors, kGroupVectors);
}

/// Call body(at, width, begin, count) for every vector of columns: factor d of columns [begin,
/// begin + count) belongs at packed[at + d * width].
template <class Row, class Body>
inline void for_each_packed_vector(int64_t columns, int64_t length, const Body& body) {
  constexpr int64_t kWidth = kLanes<Factor<Row>>;
  const int64_t vectors = padded<Factor<Row>>(columns) / kWidth;
  const int64_t factors = length / kValuesPerFactor<Row>;
  for (int64_t group = 0; group < vectors;) {
    const int64_t count = next_group(vectors - group);
    for (int64_t v = 0; v < count; ++v) {
      const int64_t begin = (group + v) * kWidth;
      body((group * factors + v) * kWidth, count * kWidth, begin,
           std::min(kWidth, columns - begin));
    }
    group += count;
  }
}

/// How many factors `columns` packed columns of `length` values take.
template <class Row>
constexpr int64_t packed_size(int64_t columns, int64_t length) {
  return padded<Factor<Row>>(columns) * whole_factors<Row>(length) / kValuesPerFactor<Row>;
}

/// As many values as a vector of factors holds, of which there are `length`; zeros for others.
template <class Row, class In>
inline Vector<Factor<Row>> load_factors(const In* from, int64_t length) {
  constexpr int64_t kValues = kLanes<Factor<Row>> * kValuesPerFactor<Row>;
  Row values[kValues];
  if (length < kValues) {
    for (int64_t d = 0; d < kValues; ++d)
      values[d] = static_cast<Row>(d < length ? from[d] : In(0));
  } else if constexpr (!std::is_same_v<In, Row>) {
    for (int64_t d = 0; d < kValues; ++d) values[d] = static_cast<Row>(from[d]);
  }
  Vector<Factor<Row>> factors;
  const bool as_stored = std::is_same_v<In, Row> && length >= kValues;
  std::memcpy(&factors, as_stored ? static_cast<const void*>(from) : values, sizeof factors);
  return factors;
}

/// Pack components as columns for rows of type Row: column c is row row_of(c) of them. What fills
/// up the last vector is zeros.
template <class Row, class In, class RowOf>
void pack_columns(const Components<In>& components, const RowOf& row_of, int64_t columns,
                  Factor<Row>* packed) {
  using F = Factor<Row>;
  const int64_t dim = components.dim, length = whole_factors<Row>(dim);
  constexpr int64_t kValues = kLanes<F> * kValuesPerFactor<Row>;
  const auto pack = [&](int64_t at, int64_t width, int64_t begin, int64_t count) {
    // A vector of columns at a time: that many rows are read at once, which hides how far apart
    // they are.
    const In* from[kLanes<F>];
    for (int64_t c = 0; c < count; ++c) {
      from[c] = components.data + components.source(row_of(begin + c)) * dim;
    }
    for (int64_t d = 0; d < length; d += kValues) {
      Vector<F> block[kLanes<F>]{};
      for (int64_t c = 0; c < count; ++c) block[c] = load_factors<Row>(from[c] + d, dim - d);
      transpose<F>(block);
      F* to = packed + at + d / kValuesPerFactor<Row> * width;
      const int64_t last = std::min(kValues, length - d) / kValuesPerFactor<Row>;
      for (int64_t i = 0; i < last; ++i) store(to + i * width, block[i]);
    }
  };
  for_each_packed_vector<Row>(columns, length, pack);
}

/// Pack rows [begin, end) of components for a product that sums over them: column d is value d of
/// these rows. What fills up the last vector, and the last pair, is zeros.
inline void pack_rows(const Components<BFloat16>& components, int64_t begin, int64_t end,
                      BFloat16Pair* packed) {
  const int64_t dim = components.dim, length = whole_factors<BFloat16>(end - begin);
  const auto pack = [&](int64_t at, int64_t width, int64_t d, int64_t count) {
    for (int64_t row = begin; row < end; row += 2, at += width) {
      const bool paired = row + 1 < end;
      const BFloat16* first = components.data + components.source(row) * dim + d;
      const BFloat16* second =
          components.data + components.source(paired ? row + 1 : row) * dim + d;
      const BFloat16Pair of_second = paired ? 0xffff0000u : 0;
      store<BFloat16Pair>(packed + at,
                          load_lower(first, count) | (load_lower(second, count) << 16 & of_second));
    }
  };
  for_each_packed_vector<BFloat16>(dim, length, pack);
}

/// A block of the product: kRows rows by a group of kVectors vectors. Its loops are unrolled where
/// they stand, or GCC stores the sums of pairs at every step.
template <int kRows, int kVectors, class Row, class Keep>
inline void multiply_block(const Row* rows, int64_t length, const Factor<Row>* group,
                           const Keep& keep) {
  using F = Factor<Row>;
  Vector<Accumulator<Row>> sum[kRows][kVectors] = {};
  for (int64_t d = 0; d < length; d += kValuesPerFactor<Row>) {
    Vector<F> columns[kVectors];
#pragma GCC unroll kGroupVectors
    for (int v = 0; v < kVectors; ++v) columns[v] = load(group + v * kLanes<F>);
    group += kVectors * kLanes<F>;
#pragma GCC unroll kBlockVectors
    for (int r = 0; r < kRows; ++r) {
      F factor;
      std::memcpy(&factor, rows + r * length + d, sizeof factor);
#pragma GCC unroll kGroupVectors
      for (int v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(sum[r][v], factor, columns[v]);
    }
  }
#pragma GCC unroll kBlockVectors
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll kGroupVectors
    for (int v = 0; v < kVectors; ++v) keep(r, v * kLanes<F>, sum[r][v]);
  }
}

/// All rows by one group, as many rows at a time as there are.
template <int kRows, int kVectors, class Row, class Keep>
void multiply_group(const Row* rows, int64_t first, int64_t count, int64_t length,
                    const Factor<Row>* group, const Keep& keep) {
  for (; count - first >= kRows; first += kRows) {
    multiply_block<kRows, kVectors>(
        rows + first * length, length, group,
        [&](int64_t row, int64_t c, auto sum) { keep(first + row, c, sum); });
  }
  if constexpr (kRows > 1) {
    multiply_group<kRows / 2, kVectors>(rows, first, count, length, group, keep);
  }
}

/// Call keep(r, c, sums) with <row r, columns c, c + 1, ...>, a vector of them, for all rows and
/// columns; c is a multiple of a vector's lanes, of which those behind the columns mean nothing.
/// Rows lie next to each other, `length` values each, in whole factors.
template <class Row, class Keep>
void multiply(const Row* rows, int64_t count, int64_t length, const Factor<Row>* packed,
              int64_t columns, const Keep& keep) {
  using F = Factor<Row>;
  const int64_t vectors = padded<F>(columns) / kLanes<F>;
  for (int64_t v = 0; v < vectors; v += next_group(vectors - v)) {
    const int64_t first = v * kLanes<F>;
    const F* group = packed + first * (length / kValuesPerFactor<Row>);
    const auto keep_group = [&](int64_t row, int64_t c, auto sum) { keep(row, first + c, sum); };
    switch (next_group(vectors - v)) {
      case 1:
        multiply_group<kBlockVectors, 1>(rows, 0, count, length, group, keep_group);
        break;
      case 2:
        multiply_group<kBlockVectors / 2, 2>(rows, 0, count, length, group, keep_group);
        break;
      default:
        multiply_group<kBlockVectors / 3, 3>(rows, 0, count, length, group, keep_group);
    }
  }
}

}  // namespace alignops

// The matrix product behind the similarities: rows with columns that are packed for it.
//
// Columns are packed in groups of a few vectors. Element d of all columns of a group lies next to
// each other, so that the innermost loop reads them in the order of memory; a block of the result,
// some rows by a group, stays in registers over the whole embedding. Each similarity is summed in
// the order of the embedding, whatever the blocks: it depends on its two components alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/components.h"
#include "core/vector.h"

namespace alignops {

// A block of sums takes 24 of 32 registers with AVX-512, else 12 of 16.
constexpr int kBlockVectors = kVectorBytes == 64 ? 24 : 12;
constexpr int kGroupVectors = 3;

/// How many vectors the next group takes of those that are left: a last one of one vector would
/// load an element of a row for every multiplication.
constexpr int64_t next_group(int64_t vectors) {
  return vectors == kGroupVectors + 1 ? 2 : std::min<int64_t>(vectors, kGroupVectors);
}

/// How many elements `columns` packed columns take.
template <class T>
constexpr int64_t packed_size(int64_t columns, int64_t dim) {
  return padded<T>(columns) * dim;
}

/// Pack components as columns: column c is row rows[c]. What fills up the last vector is zeros.
template <class In>
void pack_columns(const Components<In>& components, const int64_t* rows, int64_t columns,
                  Accumulator<In>* packed) {
  using T = Accumulator<In>;
  const int64_t dim = components.dim, vectors = padded<T>(columns) / kLanes<T>;
  int64_t group = 0, group_end = next_group(vectors);
  for (int64_t v = 0; v < vectors; ++v) {
    if (v == group_end) {
      group = v;
      group_end += next_group(vectors - v);
    }
    // A vector of columns at a time: that many rows are read at once, which hides how far apart
    // they are.
    const int64_t begin = v * kLanes<T>, count = std::min(kLanes<T>, columns - begin);
    const int64_t width = (group_end - group) * kLanes<T>;
    const In* from[kLanes<T>];
    for (int64_t c = 0; c < count; ++c) {
      from[c] = components.data + components.source(rows[begin + c]) * dim;
    }
    T* to = packed + (group * dim + v - group) * kLanes<T>;
    for (int64_t d = 0; d < dim; ++d, to += width) {
      for (int64_t c = 0; c < count; ++c) to[c] = static_cast<T>(from[c][d]);
      std::fill(to + count, to + kLanes<T>, T(0));
    }
  }
}

/// A block of the product: kRows rows by a group of kVectors vectors.
template <int kRows, int kVectors, class T>
inline void multiply_block(const T* rows, int64_t dim, const T* group, T* out, int64_t stride) {
  Vector<T> sum[kRows][kVectors] = {};
#pragma GCC unroll 4
  for (int64_t d = 0; d < dim; ++d) {
    Vector<T> columns[kVectors];
    for (int v = 0; v < kVectors; ++v) columns[v] = load(group + v * kLanes<T>);
    group += kVectors * kLanes<T>;
    for (int r = 0; r < kRows; ++r) {
      const T element = rows[r * dim + d];
      for (int v = 0; v < kVectors; ++v) sum[r][v] += element * columns[v];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(out + r * stride + v * kLanes<T>, sum[r][v]);
  }
}

/// All rows by one group, as many rows at a time as there are.
template <int kRows, int kVectors, class T>
void multiply_group(const T* rows, int64_t count, int64_t dim, const T* group, T* out,
                    int64_t stride) {
  for (; count >= kRows; count -= kRows, rows += kRows * dim, out += kRows * stride) {
    multiply_block<kRows, kVectors>(rows, dim, group, out, stride);
  }
  if constexpr (kRows > 1) {
    multiply_group<kRows / 2, kVectors>(rows, count, dim, group, out, stride);
  }
}

/// out[r * stride + c] = <row r, column c>, in whole vectors: up to padded(columns) of a row are
/// written. Rows lie next to each other.
template <class T>
void multiply(const T* rows, int64_t count, int64_t dim, const T* packed, int64_t columns, T* out,
              int64_t stride) {
  const int64_t vectors = padded<T>(columns) / kLanes<T>;
  for (int64_t v = 0; v < vectors; v += next_group(vectors - v)) {
    const T* group = packed + v * kLanes<T> * dim;
    T* to = out + v * kLanes<T>;
    switch (next_group(vectors - v)) {
      case 1:
        multiply_group<kBlockVectors, 1>(rows, count, dim, group, to, stride);
        break;
      case 2:
        multiply_group<kBlockVectors / 2, 2>(rows, count, dim, group, to, stride);
        break;
      default:
        multiply_group<kBlockVectors / 3, 3>(rows, count, dim, group, to, stride);
    }
  }
}

}  // namespace alignops

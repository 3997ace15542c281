// A batch of components as the kernels see it: valid rows only, in one accumulation type.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

namespace alignops {

/// The type in which values of type In are accumulated: float for 16-bit inputs, else the type
/// itself.
template <class In>
using Accumulator = std::conditional_t<std::is_same_v<In, double>, double, float>;

/// B samples of at most `count` components of size `dim`, stored as (B, count, dim). Valid
/// components are numbered through ("rows"): those of sample b are rows [offsets[b], offsets[b +
/// 1]).
template <class In>
struct Components {
  const In* data;
  int64_t batch;
  int64_t count;
  int64_t dim;
  std::vector<int64_t> offsets;
  std::vector<int64_t>
      sources;  // stored position of each row; empty where every component is valid

  Components(const In* data, const bool* mask, int64_t batch, int64_t count, int64_t dim)
      : data(data), batch(batch), count(count), dim(dim), offsets(batch + 1) {
    for (int64_t b = 0; b < batch; ++b) {
      offsets[b + 1] = offsets[b] + (mask ? 0 : count);
      for (int64_t k = 0; mask && k < count; ++k) {
        if (!mask[b * count + k]) continue;
        sources.push_back(b * count + k);
        ++offsets[b + 1];
      }
    }
  }

  int64_t rows() const { return offsets.back(); }
  int64_t valid(int64_t sample) const { return offsets[sample + 1] - offsets[sample]; }
  bool dense() const { return rows() == batch * count; }
  int64_t source(int64_t row) const { return dense() ? row : sources[row]; }
  /// Index of a row within its sample as the caller stored it.
  int64_t index_in_sample(int64_t row) const { return source(row) % count; }

  /// Write one row in the accumulation type.
  void copy_row(int64_t row, Accumulator<In>* out) const { copy_stored(source(row), 1, out); }

  /// Write `length` components from stored position `first` on, valid or not, in the accumulation
  /// type.
  void copy_stored(int64_t first, int64_t length, Accumulator<In>* out) const {
    const In* in = data + first * dim;
    for (int64_t d = 0; d < length * dim; ++d) out[d] = static_cast<Accumulator<In>>(in[d]);
  }

  /// Rows [begin, end) in the accumulation type: the stored ones where they will do, else a copy in
  /// `buffer`.
  const Accumulator<In>* load(int64_t begin, int64_t end, Accumulator<In>* buffer) const {
    if constexpr (std::is_same_v<In, Accumulator<In>>) {
      if (dense()) return data + begin * dim;
    }
    for (int64_t row = begin; row < end; ++row) copy_row(row, buffer + (row - begin) * dim);
    return buffer;
  }
};

}  // namespace alignops

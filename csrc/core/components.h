// A batch of components: its valid rows, read in the accumulation type.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

namespace alignops {

/// Accumulation type of values of type In: float for 16-bit inputs, else In.
template <class In>
using Accumulator = std::conditional_t<std::is_same_v<In, double>, double, float>;

/// B samples of at most `count` components of size `dim`, stored as (B, count, dim). "Rows" number
/// the valid components of all samples: those of sample b are rows [offsets[b], offsets[b + 1]).
template <class In>
struct Components {
  const In* data;
  int64_t batch;
  int64_t count;
  int64_t dim;
  std::vector<int64_t> offsets;
  // Stored position of each row; empty if every component is valid.
  std::vector<int64_t> sources;

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

  /// The same components with other values in the same layout.
  template <class Value>
  Components<Value> with_values(const Value* values) const {
    Components<Value> result(values, nullptr, 0, count, dim);
    result.batch = batch;
    result.offsets = offsets;
    result.sources = sources;
    return result;
  }

  int64_t rows() const { return offsets.back(); }
  int64_t valid(int64_t sample) const { return offsets[sample + 1] - offsets[sample]; }
  bool dense() const { return sources.empty() && rows() == batch * count; }
  int64_t source(int64_t row) const { return sources.empty() ? row : sources[row]; }
  /// Stored index, within its sample, of the sample's valid component number `rank`.
  int64_t index(int64_t sample, int64_t rank) const {
    return sources.empty() ? rank : sources[offsets[sample] + rank] - sample * count;
  }

  /// Call body(k) for each valid component of a sample, with its stored index within the sample.
  template <class Body>
  void for_each_valid(int64_t sample, const Body& body) const {
    if (sources.empty()) {
      for (int64_t k = 0; k < count; ++k) body(k);
    } else {
      for (int64_t rank = 0; rank < valid(sample); ++rank) body(index(sample, rank));
    }
  }

  /// Copy one row in the accumulation type.
  void copy_row(int64_t row, Accumulator<In>* out) const { copy_stored(source(row), 1, out); }

  /// Copy `length` components, valid or not, from stored position `first` in the accumulation type.
  void copy_stored(int64_t first, int64_t length, Accumulator<In>* out) const {
    const In* in = data + first * dim;
    for (int64_t d = 0; d < length * dim; ++d) out[d] = static_cast<Accumulator<In>>(in[d]);
  }

  /// Rows [begin, end) in the accumulation type: the stored ones if possible, else a copy in
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

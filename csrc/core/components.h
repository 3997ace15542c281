// A batch of components: its valid rows, read in the accumulation type.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace alignops {

/// Accumulation type of values of type In: float for 16-bit inputs, else In.
template <class In>
using Accumulator = std::conditional_t<std::is_same_v<In, double>, double, float>;

/// Block `index` of a batch: consecutive samples [first, last) and their rows [begin, end).
struct Block {
  int64_t index, first, last, begin, end;
  int64_t rows() const { return end - begin; }
};

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

  /// Rows [begin, end) in another type, or their own, with zeros behind each up to `width` values:
  /// the stored ones where they will do, else a copy in `buffer`.
  template <class To>
  const To* load(int64_t begin, int64_t end, int64_t width, To* buffer) const {
    if constexpr (std::is_same_v<In, To>) {
      if (dense() && width == dim) return data + begin * dim;
    }
    for (int64_t row = begin; row < end; ++row) {
      const In* in = data + source(row) * dim;
      To* out = buffer + (row - begin) * width;
      for (int64_t d = 0; d < dim; ++d) out[d] = static_cast<To>(in[d]);
      std::fill(out + dim, out + width, To(0));
    }
    return buffer;
  }
};

}  // namespace alignops

// SCAN's similarity of regions (rows) and words (columns): leaky cosines, normalised over one side,
// maximum over the other, mean. Both directions from one pass, forward only.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/dot.h"
#include "core/maximum.h"
#include "core/panels.h"
#include "core/tiles.h"

namespace alignops {

/// 1 / sqrt(square), and 0 for 0: a zero vector matches nothing.
template <class T>
inline T inverse_root(T square) {
  return square == 0 ? T(0) : 1 / std::sqrt(square);
}

/// Write an embedding divided by its norm. First a power of two brings its largest value close to
/// 1, so no square overflows or underflows, whatever the norm.
template <class In>
inline void normalise(const In* from, int64_t dim, Accumulator<In>* to) {
  using T = Accumulator<In>;
  using Limits = std::numeric_limits<T>;
  T largest = 0;
  for (int64_t d = 0; d < dim; ++d) largest = std::max(largest, std::abs(static_cast<T>(from[d])));
  int exponent = 0;
  if (std::isfinite(largest)) std::frexp(largest, &exponent);
  // Bounded, so that neither power is subnormal.
  const T scale =
      std::ldexp(T(1), std::clamp(-exponent, Limits::min_exponent, -Limits::min_exponent));
  for (int64_t d = 0; d < dim; ++d) to[d] = scale * static_cast<T>(from[d]);
  const T inverse = inverse_root(dot(to, to, dim));
  for (int64_t d = 0; d < dim; ++d) to[d] *= inverse;
}

/// Results of the forward: both scores of row sample i and column sample j, at
/// i * (number of column samples) + j.
template <class T>
struct ScanScores {
  T *row_to_column, *column_to_row;
};

/// Scores runs of row samples against panels of column samples, all components of norm 1. For one
/// row sample and a vector of column samples, it first replaces the cosines by leaky cosines and
/// sums their squares over either side, then takes the maxima.
template <class T>
class ScanForward {
 public:
  ScanForward(const Components<T>& rows, const Components<T>& columns, T slope,
              ScanScores<T> scores, const PanelShape& shape)
      : rows_(rows),
        columns_(columns),
        slope_(slope),
        scores_(scores),
        tile_(rows, columns, shape),
        row_scale_(rows.count * kLanes<T>),
        column_scale_(shape.depth * kLanes<T>),
        column_best_(shape.depth * kLanes<T>) {}

  void operator()(const Panel& panel, const Block& run) {
    tile_.for_each_sample(panel, run, [&](int64_t sample, T* s) {
      for (int64_t j = 0; j < panel.width(); j += kLanes<T>) score(panel, s, sample, j);
    });
  }

 private:
  /// Score one row sample, whose cosines start at s, with the column samples from number j on.
  void score(const Panel& panel, T* s, int64_t sample, int64_t j) {
    int64_t depth = panel.depth();
    while (panel.active(depth - 1) <= j) --depth;
    make_leaky(panel, s, rows_.valid(sample), j, depth);
    const Vector<T> row_total = sum_maxima(panel, s, rows_.valid(sample), j, depth);
    Vector<T> column_total{};
    for (int64_t l = 0; l < depth; ++l) {
      column_total +=
          first_lanes(load(column_best_.get() + l * kLanes<T>), panel.active(l) - j, T(0));
    }
    const int64_t last = std::min(kLanes<T>, panel.width() - j);
    for (int64_t lane = 0; lane < last; ++lane) {
      const int64_t other = panel.samples[j + lane], pair = sample * columns_.batch + other;
      scores_.row_to_column[pair] = row_total[lane] / T(rows_.valid(sample));
      scores_.column_to_row[pair] = column_total[lane] / T(columns_.valid(other));
    }
  }

  void make_leaky(const Panel& panel, T* s, int64_t count, int64_t j, int64_t depth) {
    std::fill_n(column_scale_.get(), depth * kLanes<T>, T(0));
    for (int64_t k = 0; k < count; ++k) {
      Vector<T> squares{};
      for (int64_t l = 0; l < depth; ++l) {
        T* const at = s + k * tile_.stride() + panel.offsets[l] + j;
        const int64_t width = panel.active(l) - j;
        const Vector<T> stored = load(at), cosine = first_lanes(stored, width, T(0));
        const Vector<T> leaky = cosine > Vector<T>{} ? cosine : slope_ * cosine;
        // The lanes beyond the width belong to the next component.
        store<T>(at, first_lanes<T>(leaky, width, stored));
        T* columns = column_scale_.get() + l * kLanes<T>;
        store<T>(columns, load(columns) + leaky * leaky);
        squares += leaky * leaky;
      }
      store<T>(row_scale_.get() + k * kLanes<T>, squares);
    }
    for (int64_t i = 0; i < count * kLanes<T>; ++i) row_scale_[i] = inverse_root(row_scale_[i]);
    for (int64_t i = 0; i < depth * kLanes<T>; ++i) {
      column_scale_[i] = inverse_root(column_scale_[i]);
    }
  }

  /// The sum over rows of the best column; column_best_ becomes the best row of each column.
  Vector<T> sum_maxima(const Panel& panel, const T* s, int64_t count, int64_t j, int64_t depth) {
    std::fill_n(column_best_.get(), depth * kLanes<T>, kMinusInfinity<T>);
    Vector<T> total{};
    for (int64_t k = 0; k < count; ++k) {
      const Vector<T> row_scale = load(row_scale_.get() + k * kLanes<T>);
      Maximum<T, false> best;
      for (int64_t l = 0; l < depth; ++l) {
        const int64_t width = panel.active(l) - j;
        const T* const at = s + k * tile_.stride() + panel.offsets[l] + j;
        const Vector<T> cosine = first_lanes(load(at), width, T(0));
        Maximum<T, false> best_row(column_best_.get() + l * kLanes<T>, nullptr);
        best_row.take(cosine * row_scale, k);
        best_row.save(column_best_.get() + l * kLanes<T>, nullptr);
        const Vector<T> column_scale = load(column_scale_.get() + l * kLanes<T>);
        best.take(first_lanes<T>(cosine * column_scale, width, kMinusInfinity<T>), l);
      }
      total += best.value;
    }
    return total;
  }

  const Components<T>&rows_, &columns_;
  const T slope_;
  const ScanScores<T> scores_;
  SampleTile<T> tile_;
  // For one row sample and one vector of column samples; the scales start as sums of squares.
  Buffer<T> row_scale_, column_scale_, column_best_;
};

/// Write scores of all pairs with valid components on both sides, given components of norm 1; leave
/// the others unchanged.
template <class Runtime, class T>
void scan_forward(const Components<T>& rows, const Components<T>& columns, T slope,
                  ScanScores<T> scores) {
  for_each_panel<Runtime>(rows, columns, [&](const PanelShape& shape) {
    return ScanForward<T>(rows, columns, slope, scores, shape);
  });
}

}  // namespace alignops

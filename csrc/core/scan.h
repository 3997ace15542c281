// SCAN's matching of regions (rows) with words (columns): cosines, leaky, normalised over one side,
// the best of the other, the mean; both directions from one pass, forward only.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/dot.h"
#include "core/maximum.h"
#include "core/panels.h"
#include "core/tiles.h"

namespace alignops {

/// 1 / sqrt(square); 0 of 0, so that what has no direction matches nothing.
template <class T>
inline T inverse_root(T square) {
  return square == 0 ? T(0) : 1 / std::sqrt(square);
}

/// 1 / norm of a valid component.
template <class In>
inline Accumulator<In> inverse_norm(const Components<In>& components, int64_t row) {
  const In* at = components.data + components.source(row) * components.dim;
  return inverse_root(dot(at, at, components.dim));
}

/// What the forward writes: both scores of sample i of the rows with sample j of the columns, at
/// i * (samples of the columns) + j.
template <class T>
struct ScanScores {
  T *row_to_column, *column_to_row;
};

/// Scores runs of row samples against panels of column samples. For one row sample and a
/// vector of column samples, first the leaky cosines are kept with their sums of squares over
/// either side, then the maxima are taken.
template <class In>
class ScanForward {
  using T = Accumulator<In>;

 public:
  ScanForward(const Components<In>& rows, const Components<In>& columns, const T* row_inverse,
              const T* column_inverse, T slope, ScanScores<T> scores, const PanelShape& shape)
      : rows_(rows),
        columns_(columns),
        row_inverse_(row_inverse),
        column_inverse_(column_inverse),
        slope_(slope),
        scores_(scores),
        stride_(padded<T>(shape.width)),
        tile_(rows, columns, shape),
        packed_inverse_(shape.depth * stride_),
        cosines_(rows.count * shape.depth * kLanes<T>),
        row_scale_(rows.count * kLanes<T>),
        column_scale_(shape.depth * kLanes<T>),
        column_best_(shape.depth * kLanes<T>) {}

  void operator()(const Panel& panel, const Block& run) {
    pack_inverse(panel);
    tile_.for_each_sample(panel, run, [&](int64_t sample, const T* s) {
      for (int64_t j = 0; j < panel.width(); j += kLanes<T>) score(panel, s, sample, j);
    });
  }

 private:
  /// The inverse norms of the columns, in whole vectors: 0 where a sample has no such component.
  void pack_inverse(const Panel& panel) {
    std::fill_n(packed_inverse_.get(), panel.depth() * stride_, T(0));
    for (int64_t l = 0; l < panel.depth(); ++l) {
      for (int64_t j = 0; j < panel.active(l); ++j) {
        packed_inverse_[l * stride_ + j] = column_inverse_[columns_.offsets[panel.samples[j]] + l];
      }
    }
  }

  /// One row sample, whose similarities start at s, with the column samples from number j on.
  void score(const Panel& panel, const T* s, int64_t sample, int64_t j) {
    int64_t depth = panel.depth();
    while (panel.active(depth - 1) <= j) --depth;
    keep_cosines(panel, s, sample, j, depth);
    const Vector<T> row_total = sum_maxima(panel, rows_.valid(sample), j, depth);
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

  void keep_cosines(const Panel& panel, const T* s, int64_t sample, int64_t j, int64_t depth) {
    const int64_t first = rows_.offsets[sample], count = rows_.valid(sample);
    std::fill_n(column_scale_.get(), depth * kLanes<T>, T(0));
    for (int64_t k = 0; k < count; ++k) {
      Vector<T> squares{};
      for (int64_t l = 0; l < depth; ++l) {
        const T* at = s + k * tile_.stride() + panel.offsets[l] + j;
        const Vector<T> similarity = first_lanes(load(at), panel.active(l) - j, T(0));
        const Vector<T> cosine =
            similarity * (row_inverse_[first + k] * load(packed_inverse_.get() + l * stride_ + j));
        const Vector<T> leaky = cosine > Vector<T>{} ? cosine : slope_ * cosine;
        store<T>(cosines_.get() + (k * depth + l) * kLanes<T>, leaky);
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

  /// The sum over rows of their best column; column_best_ is the best row of each column.
  Vector<T> sum_maxima(const Panel& panel, int64_t count, int64_t j, int64_t depth) {
    std::fill_n(column_best_.get(), depth * kLanes<T>, kLowest<T>);
    Vector<T> total{};
    for (int64_t k = 0; k < count; ++k) {
      const Vector<T> row_scale = load(row_scale_.get() + k * kLanes<T>);
      Maximum<T, false> best;
      for (int64_t l = 0; l < depth; ++l) {
        const Vector<T> cosine = load(cosines_.get() + (k * depth + l) * kLanes<T>);
        Maximum<T, false> best_row(column_best_.get() + l * kLanes<T>, nullptr);
        best_row.take(cosine * row_scale, k);
        best_row.save(column_best_.get() + l * kLanes<T>, nullptr);
        const Vector<T> column_scale = load(column_scale_.get() + l * kLanes<T>);
        best.take(first_lanes<T>(cosine * column_scale, panel.active(l) - j, kLowest<T>), l);
      }
      total += best.value;
    }
    return total;
  }

  const Components<In>&rows_, &columns_;
  const T *const row_inverse_, *const column_inverse_;
  const T slope_;
  const ScanScores<T> scores_;
  const int64_t stride_;
  SampleTile<In> tile_;
  Buffer<T> packed_inverse_;
  // Of one row sample and one vector of column samples; the scales are first sums of squares.
  Buffer<T> cosines_, row_scale_, column_scale_, column_best_;
};

/// Scores of every pair with valid components on both sides; the others are left as they are.
template <class Runtime, class In>
void scan_forward(const Components<In>& rows, const Components<In>& columns,
                  const Accumulator<In>* row_inverse, const Accumulator<In>* column_inverse,
                  Accumulator<In> slope, ScanScores<Accumulator<In>> scores) {
  for_each_panel<Runtime>(rows, columns, [&](const PanelShape& shape) {
    return ScanForward<In>(rows, columns, row_inverse, column_inverse, slope, scores, shape);
  });
}

}  // namespace alignops

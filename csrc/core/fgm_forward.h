// Forward of FILIP similarity (FGM), on panels of interleaved columns.
#pragma once

#include <algorithm>
#include <utility>

#include "core/fgm.h"
#include "core/maximum.h"
#include "core/panels.h"
#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

// Rows folded together, so that each column's maximum is loaded and stored once for all of them.
constexpr int64_t kRowsAtOnce = 4;

/// Scores runs of row samples against one panel after another. A tile holds some rows at a time;
/// the maxima over a sample's rows continue from one tile to the next.
template <class In, bool kArgmax>
class FgmForward {
  using T = Accumulator<In>;
  using Index = Integer<T>;

 public:
  FgmForward(const Components<In>& rows, const Components<In>& columns, FgmSide<T> row_side,
             FgmSide<T> column_side, const PanelShape& shape)
      : rows_(rows),
        columns_(columns),
        row_side_(row_side),
        column_side_(column_side),
        // A multiple of the rows in every block of the product.
        chunk_(std::max<int64_t>(kTileElements / shape.columns / kBlockVectors, 1) * kBlockVectors),
        stride_(padded<T>(shape.width)),
        tile_(rows, columns, shape, chunk_),
        column_best_(shape.depth * stride_),
        total_(stride_),
        column_arg_(shape.depth * stride_),
        row_arg_(rows.count * stride_) {}

  void operator()(const Panel& panel, const Block& run) {
    tile_.pack(panel);
    int64_t sample = run.first;
    for (int64_t begin = run.begin; begin < run.end; begin += chunk_) {
      const int64_t end = std::min(begin + chunk_, run.end);
      const T* tile = tile_.multiply(panel, begin, end);
      for (int64_t row = begin; row < end;) {
        while (row == rows_.offsets[sample + 1]) ++sample;
        const int64_t first = rows_.offsets[sample], last = rows_.offsets[sample + 1];
        const int64_t count = std::min(end, last) - row;
        if (row == first) start_sample(panel);
        fold(panel, tile + (row - begin) * tile_.stride(), row - first, count);
        row += count;
        if (row == last) finish_sample(panel, sample);
      }
    }
  }

 private:
  /// Fold `count` rows of one sample, its components from `first` on, into the maxima.
  void fold(const Panel& panel, const T* s, int64_t first, int64_t count) {
    for (; count > 0; s += kRowsAtOnce * tile_.stride()) {
      switch (std::min(count, kRowsAtOnce)) {
        case 1:
          fold_rows<1>(panel, s, first);
          break;
        case 2:
          fold_rows<2>(panel, s, first);
          break;
        case 3:
          fold_rows<3>(panel, s, first);
          break;
        default:
          fold_rows<kRowsAtOnce>(panel, s, first);
      }
      first += kRowsAtOnce;
      count -= kRowsAtOnce;
    }
  }

  /// Fold kCount rows: their maxima stay in registers, and each column's maximum is loaded once.
  template <int kCount>
  void fold_rows(const Panel& panel, const T* s, int64_t first) {
    for (int64_t j = 0; j < panel.width(); j += kLanes<T>) {
      Maximum<T, kArgmax> rows[kCount];
      for (int64_t l = 0; l < panel.depth() && j < panel.active(l); ++l) {
        const int64_t column = panel.offsets[l] + j, at = l * stride_ + j;
        Maximum<T, kArgmax> best(column_best_.get() + at, column_arg_.get() + at);
        for (int64_t r = 0; r < kCount; ++r) {
          const Vector<T> value = first_lanes(load(s + r * tile_.stride() + column),
                                              panel.active(l) - j, kMinusInfinity<T>);
          rows[r].take(value, l);
          best.take(value, first + r);
        }
        best.save(column_best_.get() + at, column_arg_.get() + at);
      }
      for (int64_t r = 0; r < kCount; ++r) finish_row(first + r, j, rows[r]);
    }
  }

  /// Add a row's maxima to their means, and keep the winners.
  void finish_row(int64_t k, int64_t j, const Maximum<T, kArgmax>& maximum) {
    store(total_.get() + j, load(total_.get() + j) + maximum.value);
    if constexpr (kArgmax) store(row_arg_.get() + k * stride_ + j, maximum.arg);
  }

  void start_sample(const Panel& panel) {
    std::fill_n(total_.get(), stride_, T(0));
    std::fill_n(column_best_.get(), panel.depth() * stride_, kMinusInfinity<T>);
    if constexpr (kArgmax) std::fill_n(column_arg_.get(), panel.depth() * stride_, Index(0));
  }

  void finish_sample(const Panel& panel, int64_t sample) {
    for (int64_t j = 0; j < panel.width(); ++j) {
      row_side_.values[row_side_.pair(sample, panel.samples[j])] =
          total_[j] / T(rows_.valid(sample));
    }
    std::fill_n(total_.get(), panel.width(), T(0));
    for (int64_t l = 0; l < panel.depth(); ++l) {
      const T* best = column_best_.get() + l * stride_;
      for (int64_t j = 0; j < panel.active(l); ++j) total_[j] += best[j];
    }
    for (int64_t j = 0; j < panel.width(); ++j) {
      const int64_t other = panel.samples[j];
      column_side_.values[column_side_.pair(other, sample)] = total_[j] / T(columns_.valid(other));
    }
    if constexpr (kArgmax) {
      const int64_t* others = panel.samples.data();
      keep_winners(panel, row_side_, rows_, columns_, row_arg_.get(),
                   [=](int64_t j) { return std::pair(sample, others[j]); });
      keep_winners(panel, column_side_, columns_, rows_, column_arg_.get(),
                   [=](int64_t j) { return std::pair(others[j], sample); });
    }
  }

  /// Write the winners of one side. Pair j of the panel is of the samples samples_of(j), and the
  /// winner of its valid component number `rank` is args[rank * stride_ + j].
  template <class SamplesOf>
  void keep_winners(const Panel& panel, const FgmSide<T>& side, const Components<In>& own,
                    const Components<In>& other, const Index* args,
                    const SamplesOf& samples_of) const {
    side.argmax.with_type([&](auto* argmax) {
      // Local copies: to the compiler, a store of a byte could change a member.
      const int64_t stride = stride_, width = panel.width(), stored = own.count;
      const int64_t own_stride = side.own_stride, other_stride = side.other_stride;
      const bool dense = own.sources.empty() && other.sources.empty();
      for (int64_t j = 0; j < width; ++j) {
        const auto [own_sample, other_sample] = samples_of(j);
        auto* winners = argmax + (own_sample * own_stride + other_sample * other_stride) * stored;
        const Index* of_pair = args + j;
        if (dense) {
          for (int64_t k = 0; k < stored; ++k) winners[k] = of_pair[k * stride];
          continue;
        }
        const int64_t count = own.valid(own_sample);
        for (int64_t rank = 0; rank < count; ++rank) {
          winners[own.index(own_sample, rank)] = other.index(other_sample, of_pair[rank * stride]);
        }
      }
    });
  }

  const Components<In>&rows_, &columns_;
  const FgmSide<T> row_side_, column_side_;
  const int64_t chunk_, stride_;
  PanelTile<In> tile_;
  Buffer<T> column_best_, total_;
  Buffer<Index> column_arg_, row_arg_;
};

/// Write scores and winners of all pairs with valid components on both sides; leave the others
/// unchanged.
template <class Runtime, bool kArgmax, class In>
void fgm_forward(const Components<In>& rows, const Components<In>& columns,
                 FgmSide<Accumulator<In>> row_side, FgmSide<Accumulator<In>> column_side) {
  for_each_panel<Runtime>(rows, columns, [&](const PanelShape& shape) {
    return FgmForward<In, kArgmax>(rows, columns, row_side, column_side, shape);
  });
}

}  // namespace alignops

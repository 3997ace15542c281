// FGM: mean over one side of the maximum over the other, both directions from one pass, and its
// sparse backward.
//
// Both directions are symmetric, so the two batches are called rows and columns here, whichever is
// x. The columns of a panel are interleaved: first components of all its samples, then all second
// ones, and so on. A maximum over the components of a sample is then a vertical one between
// vectors, in both directions, for any number of components.
#pragma once

#include <algorithm>
#include <numeric>

#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

/// An array of winners in the integer type that the caller chose: 1, 2 or 4 bytes.
struct IndexArray {
  void* data;  // null: winners are not kept
  int64_t bytes;

  /// Call body(pointer) with a pointer of the array's type.
  template <class Body>
  void with_type(const Body& body) const {
    if (bytes == 1) return body(static_cast<const uint8_t*>(data));
    if (bytes == 2) return body(static_cast<const int16_t*>(data));
    body(static_cast<const int32_t*>(data));
  }
  void set(int64_t at, int64_t value) const {
    if (bytes == 1)
      static_cast<uint8_t*>(data)[at] = static_cast<uint8_t>(value);
    else if (bytes == 2)
      static_cast<int16_t*>(data)[at] = static_cast<int16_t>(value);
    else
      static_cast<int32_t*>(data)[at] = static_cast<int32_t>(value);
  }
};

/// One side's view of the pairs: its mean of maxima `score` (or the gradient of it), its winners
/// `argmax`, and where the pair of its sample a with sample b of the other side is.
template <class Score>
struct FgmSide {
  Score* score;
  IndexArray argmax;
  int64_t own_stride, other_stride;

  int64_t pair(int64_t own, int64_t other) const { return own * own_stride + other * other_stride; }
};

/// best = max(best, s) and arg = index where it rose. The first NaN wins and stays; among equals
/// the first.
template <bool kArgmax, class T>
inline void take_max(T* best, Integer<T>* arg, const T* s, Integer<T> index, int64_t length) {
  int64_t i = 0;
  for (; i + kLanes<T> <= length; i += kLanes<T>) {
    const Vector<T> value = load(s + i), old = load(best + i);
    const auto take = ~(value <= old) & (old == old);
    store(best + i, take ? value : old);
    if constexpr (kArgmax) {
      const auto old_arg = load(arg + i);
      store(arg + i, take ? decltype(old_arg){} + index : old_arg);
    }
  }
  for (; i < length; ++i) {
    if (s[i] <= best[i] || best[i] != best[i]) continue;
    best[i] = s[i];
    if constexpr (kArgmax) arg[i] = index;
  }
}

/// Samples of the column side, longest first, with their components interleaved: component l of the
/// samples that have one are columns [offsets[l], offsets[l + 1]), in the order of `samples`.
struct FgmPanel {
  std::vector<int64_t> samples;
  std::vector<int64_t> offsets;
  int64_t columns() const { return offsets.back(); }
  int64_t depth() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t active(int64_t l) const { return offsets[l + 1] - offsets[l]; }
};

constexpr int64_t kMaxPanelColumns = 2048;
constexpr int64_t kTileElements = kTileRows * kTileRows;
// Rows that one packed panel meets before it is packed again: its copy then costs next to nothing.
constexpr int64_t kRowsPerPanel = 2048;

/// How many samples of `count` components make a panel: whole vectors of samples where the width
/// allows.
inline int64_t panel_samples(int64_t count) {
  constexpr int64_t kWhole = kLanes<float>;
  const int64_t wide = kTileRows / count / kWhole * kWhole;
  return std::max<int64_t>(1, std::min(std::max(wide, kWhole), kMaxPanelColumns / count));
}

template <class In>
std::vector<FgmPanel> panels_of(const Components<In>& columns) {
  std::vector<int64_t> order;
  for (int64_t b = 0; b < columns.batch; ++b) {
    if (columns.valid(b) > 0) order.push_back(b);
  }
  const int64_t width = order.empty() ? 1 : panel_samples(columns.count);
  std::vector<FgmPanel> panels;
  for (size_t first = 0; first < order.size(); first += width) {
    FgmPanel panel;
    const size_t last = std::min(order.size(), first + width);
    panel.samples.assign(order.begin() + first, order.begin() + last);
    std::stable_sort(panel.samples.begin(), panel.samples.end(),
                     [&](int64_t a, int64_t b) { return columns.valid(a) > columns.valid(b); });
    panel.offsets = {0};
    for (int64_t l = 0; l < columns.valid(panel.samples.front()); ++l) {
      int64_t active = panel.offsets.back();
      for (int64_t sample : panel.samples) active += columns.valid(sample) > l;
      panel.offsets.push_back(active);
    }
    panels.push_back(std::move(panel));
  }
  return panels;
}

/// Scores runs of row samples against one panel after another. The tile holds some rows at a time;
/// the maxima over the rows of a sample run on from one tile to the next.
template <class Runtime, class In, bool kArgmax>
class FgmForward {
  using T = Accumulator<In>;
  using Index = Integer<T>;

 public:
  FgmForward(const Components<In>& rows, const Components<In>& columns, FgmSide<T> row_side,
             FgmSide<T> column_side, int64_t max_columns)
      : rows_(rows),
        columns_(columns),
        row_side_(row_side),
        column_side_(column_side),
        chunk_(std::max<int64_t>(kTileElements / max_columns, 16)),
        packed_(max_columns * rows.dim),
        loaded_(chunk_ * rows.dim),
        tile_(chunk_ * max_columns),
        column_best_(max_columns),
        row_best_(max_columns),
        total_(max_columns),
        column_arg_(max_columns),
        row_arg_(max_columns) {}

  void operator()(const FgmPanel& panel, const Block& run) {
    pack(panel);
    int64_t sample = run.first;
    for (int64_t begin = run.begin; begin < run.end; begin += chunk_) {
      const int64_t end = std::min(begin + chunk_, run.end);
      multiply(begin, end, panel.columns());
      for (int64_t row = begin; row < end; ++row) {
        while (row == rows_.offsets[sample + 1]) ++sample;
        fold_row(panel, tile_.get() + (row - begin) * panel.columns(), sample, row);
        if (row + 1 == rows_.offsets[sample + 1]) finish_sample(panel, sample);
      }
    }
  }

 private:
  void pack(const FgmPanel& panel) {
    for (int64_t l = 0; l < panel.depth(); ++l) {
      for (int64_t j = 0; j < panel.active(l); ++j) {
        columns_.copy_row(columns_.offsets[panel.samples[j]] + l,
                          packed_.get() + (panel.offsets[l] + j) * columns_.dim);
      }
    }
  }

  void multiply(int64_t begin, int64_t end, int64_t columns) {
    const T* rows = rows_.load(begin, end, loaded_.get());
    Runtime::gemm(T(1), Matrix<const T>(rows, end - begin, rows_.dim),
                  Matrix<const T>(packed_.get(), columns, rows_.dim).transposed(), T(0),
                  Matrix<T>(tile_.get(), end - begin, columns));
  }

  void fold_row(const FgmPanel& panel, const T* s, int64_t sample, int64_t row) {
    const int64_t k = row - rows_.offsets[sample], width = panel.active(0);
    if (k == 0) {
      std::copy_n(s, panel.columns(), column_best_.get());
      std::fill_n(column_arg_.get(), panel.columns(), Index(0));
      std::fill_n(total_.get(), width, T(0));
    } else {
      take_max<kArgmax>(column_best_.get(), column_arg_.get(), s, Index(k), panel.columns());
    }
    std::copy_n(s, width, row_best_.get());
    std::fill_n(row_arg_.get(), width, Index(0));
    for (int64_t l = 1; l < panel.depth(); ++l) {
      take_max<kArgmax>(row_best_.get(), row_arg_.get(), s + panel.offsets[l], Index(l),
                        panel.active(l));
    }
    for (int64_t j = 0; j < width; ++j) total_[j] += row_best_[j];
    if constexpr (kArgmax) {
      const int64_t at = rows_.index(sample, k);
      for (int64_t j = 0; j < width; ++j) {
        const int64_t other = panel.samples[j];
        row_side_.argmax.set(row_side_.pair(sample, other) * rows_.count + at,
                             columns_.index(other, row_arg_[j]));
      }
    }
  }

  void finish_sample(const FgmPanel& panel, int64_t sample) {
    const int64_t width = panel.active(0);
    for (int64_t j = 0; j < width; ++j) {
      row_side_.score[row_side_.pair(sample, panel.samples[j])] =
          total_[j] / T(rows_.valid(sample));
    }
    std::fill_n(total_.get(), width, T(0));
    for (int64_t l = 0; l < panel.depth(); ++l) {
      const T* best = column_best_.get() + panel.offsets[l];
      for (int64_t j = 0; j < panel.active(l); ++j) total_[j] += best[j];
      if constexpr (kArgmax) keep_column_winners(panel, sample, l);
    }
    for (int64_t j = 0; j < width; ++j) {
      const int64_t other = panel.samples[j];
      column_side_.score[column_side_.pair(other, sample)] = total_[j] / T(columns_.valid(other));
    }
  }

  void keep_column_winners(const FgmPanel& panel, int64_t sample, int64_t l) {
    for (int64_t j = 0; j < panel.active(l); ++j) {
      const int64_t other = panel.samples[j];
      const int64_t at = columns_.index(other, l);
      const int64_t k = column_arg_[panel.offsets[l] + j];
      column_side_.argmax.set(column_side_.pair(other, sample) * columns_.count + at,
                              rows_.index(sample, k));
    }
  }

  const Components<In>&rows_, &columns_;
  const FgmSide<T> row_side_, column_side_;
  const int64_t chunk_;
  Buffer<T> packed_, loaded_, tile_, column_best_, row_best_, total_;
  Buffer<Index> column_arg_, row_arg_;
};

/// Scores and winners of every pair with valid components on both sides; the others are left as
/// they are.
template <class Runtime, bool kArgmax, class In>
void fgm_forward(const Components<In>& rows, const Components<In>& columns,
                 FgmSide<Accumulator<In>> row_side, FgmSide<Accumulator<In>> column_side) {
  const auto panels = panels_of(columns);
  const auto runs = blocks_of(rows, kRowsPerPanel);
  int64_t max_columns = 1;
  for (const FgmPanel& panel : panels) max_columns = std::max(max_columns, panel.columns());
  const int64_t run_count = runs.size();
  const auto make_worker = [&] {
    return [&, forward = FgmForward<Runtime, In, kArgmax>(rows, columns, row_side, column_side,
                                                          max_columns)](int64_t task) mutable {
      forward(panels[task / run_count], runs[task % run_count]);
    };
  };
  typename Runtime::template Pool<decltype(make_worker)>(make_worker)
      .run(0, panels.size() * run_count);
}

/// A winner as the gradient sees it: `weight` times the stretch of the other side's rows that
/// starts at `offset`.
template <class T>
struct WeightedRow {
  int32_t offset;
  T weight;
};

// Gradients are summed a stretch of the embedding at a time: as many vectors as keep the
// multiply-add units busy. Stretches are copied next to each other first: rows that lie a power of
// two apart would share a few cache sets.
constexpr int64_t kStretchVectors = 8;
template <class T>
constexpr int64_t kStretch = kStretchVectors * kLanes<T>;

/// out += sum of weighted rows, over a stretch, in registers.
template <class T>
inline void add_weighted_rows(const WeightedRow<T>* first, const WeightedRow<T>* last,
                              const T* rows, T* out) {
  Vector<T> sum[kStretchVectors];
  for (int64_t v = 0; v < kStretchVectors; ++v) sum[v] = load(out + v * kLanes<T>);
  for (const WeightedRow<T>* item = first; item != last; ++item) {
    const T* row = rows + item->offset;
    for (int64_t v = 0; v < kStretchVectors; ++v)
      sum[v] += item->weight * load(row + v * kLanes<T>);
  }
  for (int64_t v = 0; v < kStretchVectors; ++v) store(out + v * kLanes<T>, sum[v]);
}

// A stretch of the own rows of a task, and of the rows of the other side that it takes from: both
// stay in the second level of cache.
constexpr int64_t kOwnStretchBytes = 256 * 1024, kOtherStretchBytes = 128 * 1024;

/// How many samples of `count` components fit with one stretch of each.
template <class T>
inline int64_t samples_of(int64_t bytes, int64_t count) {
  return std::max<int64_t>(1, bytes / static_cast<int64_t>(count * kStretch<T> * sizeof(T)));
}

/// How many own samples make a task: few enough for kMinBlocks tasks, so that a few threads find
/// equal work.
template <class In>
int64_t fgm_backward_samples(const Components<In>& own) {
  return std::min(samples_of<Accumulator<In>>(kOwnStretchBytes, own.count),
                  (own.batch + kMinBlocks - 1) / kMinBlocks);
}

/// Gradient of one side, stored (B, count, dim) like its components and zero where they are
/// invalid. A winner hands over its share of the mean times the row it met: own component k takes
/// the row of its winner, and the row of every component of the other side that it won.
template <class In>
class FgmBackward {
  using T = Accumulator<In>;

 public:
  FgmBackward(const Components<In>& own, const Components<In>& other, FgmSide<const T> own_side,
              FgmSide<const T> other_side, In* grad_own, int64_t samples)
      : own_(own),
        other_(other),
        own_side_(own_side),
        other_side_(other_side),
        grad_own_(grad_own),
        stretches_((own.dim + kStretch<T> - 1) / kStretch<T>),
        samples_(samples),
        batch_(samples_of<T>(kOtherStretchBytes, other.count)),
        gradient_(samples_ * own.count * stretches_ * kStretch<T>),
        others_(batch_ * other.count * kStretch<T>),
        spare_(samples_ * batch_ * (own.count + other.count)),
        winners_(spare_ + 1),
        ends_(samples_ * own.count + 1) {}

  void operator()(int64_t task) {
    const int64_t begin = task * samples_, end = std::min(begin + samples_, own_.batch);
    const int64_t rows = (end - begin) * own_.count;
    std::fill_n(gradient_.get(), rows * stretches_ * kStretch<T>, T(0));
    for (int64_t first = 0; first < other_.batch; first += batch_) {
      const int64_t last = std::min(first + batch_, other_.batch);
      own_side_.argmax.with_type([&](const auto* own_argmax) {
        other_side_.argmax.with_type([&](const auto* other_argmax) {
          sort_winners({begin, end, first, last}, own_argmax, other_argmax);
        });
      });
      for (int64_t stretch = 0; stretch < stretches_; ++stretch) {
        copy_others(first, last, stretch);
        T* to = gradient_.get() + stretch * rows * kStretch<T>;
        for (int64_t row = 0; row < rows; ++row) {
          const WeightedRow<T>* from = winners_.get() + (row == 0 ? 0 : ends_[row - 1]);
          add_weighted_rows(from, winners_.get() + ends_[row], others_.get(),
                            to + row * kStretch<T>);
        }
      }
    }
    write(begin, rows);
  }

 private:
  /// Own samples [begin, end) against samples [first, last) of the other side.
  struct Pairs {
    int64_t begin, end, first, last;
  };

  /// Group the winners by own row: those of row i end up in [ends_[i - 1], ends_[i]).
  template <class OwnIndex, class OtherIndex>
  void sort_winners(const Pairs& pairs, const OwnIndex* own_argmax,
                    const OtherIndex* other_argmax) {
    const int64_t rows = (pairs.end - pairs.begin) * own_.count;
    std::fill_n(ends_.get(), rows + 1, 0);
    int32_t* counts = ends_.get() + 1;
    for_each_winner(pairs, own_argmax, other_argmax,
                    [&](int64_t row, int64_t, T, bool is_new) { counts[row] += is_new; });
    std::partial_sum(ends_.get(), ends_.get() + rows + 1, ends_.get());
    for_each_winner(pairs, own_argmax, other_argmax,
                    [&](int64_t row, int64_t other_row, T weight, bool is_new) {
                      const int64_t at = is_new ? ends_[row] : spare_;
                      winners_[at] = {static_cast<int32_t>(other_row * kStretch<T>), weight};
                      ends_[row] += is_new;
                    });
  }

  /// Call take(own_row, other_row, weight, is_new) for the winners of both directions. Two
  /// components that won each other come once with both weights; the second mention is not new (to
  /// branch on that would be mispredicted).
  template <class OwnIndex, class OtherIndex, class Take>
  void for_each_winner(const Pairs& pairs, const OwnIndex* own_argmax,
                       const OtherIndex* other_argmax, const Take& take) const {
    for (int64_t a = pairs.begin; a < pairs.end; ++a) {
      for (int64_t b = pairs.first; b < pairs.last; ++b) {
        if (own_.valid(a) == 0 || other_.valid(b) == 0) continue;
        const int64_t own_pair = own_side_.pair(a, b), other_pair = other_side_.pair(b, a);
        const OwnIndex* winner_of = own_argmax + own_pair * own_.count;
        const OtherIndex* won_by = other_argmax + other_pair * other_.count;
        const T share = own_side_.score[own_pair] / T(own_.valid(a));
        const T other_share = other_side_.score[other_pair] / T(other_.valid(b));
        const int64_t own_row = (a - pairs.begin) * own_.count;
        const int64_t other_row = (b - pairs.first) * other_.count;
        own_.for_each_valid(a, [&](int64_t k) {
          const int64_t l = winner_of[k];
          take(own_row + k, other_row + l, share + (won_by[l] == k ? other_share : T(0)), true);
        });
        other_.for_each_valid(b, [&](int64_t l) {
          const int64_t k = won_by[l];
          take(own_row + k, other_row + l, other_share, winner_of[k] != l);
        });
      }
    }
  }

  /// One stretch of all components of samples [first, last), valid or not, zeros behind the
  /// embedding's end.
  void copy_others(int64_t first, int64_t last, int64_t stretch) {
    const int64_t width = width_of(stretch);
    const In* from = other_.data + first * other_.count * other_.dim + stretch * kStretch<T>;
    T* to = others_.get();
    for (int64_t row = first * other_.count; row < last * other_.count; ++row) {
      for (int64_t d = 0; d < width; ++d) to[d] = static_cast<T>(from[d]);
      std::fill(to + width, to + kStretch<T>, T(0));
      from += other_.dim;
      to += kStretch<T>;
    }
  }

  int64_t width_of(int64_t stretch) const {
    return std::min(kStretch<T>, own_.dim - stretch * kStretch<T>);
  }

  /// Hand over the gradients of `rows` components from sample `begin` on; they are summed stretch
  /// behind stretch.
  void write(int64_t begin, int64_t rows) const {
    In* to = grad_own_ + begin * own_.count * own_.dim;
    for (int64_t row = 0; row < rows; ++row, to += own_.dim) {
      for (int64_t stretch = 0; stretch < stretches_; ++stretch) {
        const T* from = gradient_.get() + (stretch * rows + row) * kStretch<T>;
        In* out = to + stretch * kStretch<T>;
        for (int64_t d = 0; d < width_of(stretch); ++d) out[d] = static_cast<In>(from[d]);
      }
    }
  }

  const Components<In>&own_, &other_;
  const FgmSide<const T> own_side_, other_side_;
  In* const grad_own_;
  const int64_t stretches_, samples_, batch_;
  Buffer<T> gradient_, others_;
  const int64_t spare_;  // where a winner that is not new goes
  Buffer<WeightedRow<T>> winners_;
  Buffer<int32_t> ends_;
};

template <class Runtime, class In>
void fgm_backward(const Components<In>& own, const Components<In>& other,
                  FgmSide<const Accumulator<In>> own_side,
                  FgmSide<const Accumulator<In>> other_side, In* grad_own) {
  if (own.rows() == 0 || other.rows() == 0) return;
  const int64_t samples = fgm_backward_samples(own);
  const auto make_worker = [&] {
    return FgmBackward<In>(own, other, own_side, other_side, grad_own, samples);
  };
  typename Runtime::template Pool<decltype(make_worker)>(make_worker)
      .run(0, (own.batch + samples - 1) / samples);
}

}  // namespace alignops

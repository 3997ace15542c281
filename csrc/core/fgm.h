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

  int64_t get(int64_t at) const {
    if (bytes == 1) return static_cast<const uint8_t*>(data)[at];
    if (bytes == 2) return static_cast<const int16_t*>(data)[at];
    return static_cast<const int32_t*>(data)[at];
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
      const int64_t at = rows_.index_in_sample(row);
      for (int64_t j = 0; j < width; ++j) {
        const int64_t other = panel.samples[j];
        row_side_.argmax.set(row_side_.pair(sample, other) * rows_.count + at,
                             columns_.index_in_sample(columns_.offsets[other] + row_arg_[j]));
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
      const int64_t at = columns_.index_in_sample(columns_.offsets[other] + l);
      const int64_t k = column_arg_[panel.offsets[l] + j];
      column_side_.argmax.set(column_side_.pair(other, sample) * columns_.count + at,
                              rows_.index_in_sample(rows_.offsets[sample] + k));
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
  Runtime::parallel(panels.size() * run_count, [&] {
    return [&, forward = FgmForward<Runtime, In, kArgmax>(rows, columns, row_side, column_side,
                                                          max_columns)](int64_t task) mutable {
      forward(panels[task / run_count], runs[task % run_count]);
    };
  });
}

template <class T>
struct WeightedRow {
  int64_t row;
  T weight;
};

/// out += sum of weighted rows, with a stretch of `out` in registers while all of them pass.
template <class T>
inline void add_weighted_rows(const WeightedRow<T>* first, const WeightedRow<T>* last,
                              const T* rows, int64_t dim, T* out) {
  constexpr int64_t kRegisters = 8, kStretch = kRegisters * kLanes<T>;
  int64_t d = 0;
  for (; d + kStretch <= dim; d += kStretch) {
    Vector<T> sum[kRegisters];
    for (int64_t r = 0; r < kRegisters; ++r) sum[r] = load(out + d + r * kLanes<T>);
    for (const WeightedRow<T>* item = first; item != last; ++item) {
      const T* row = rows + item->row * dim + d;
      for (int64_t r = 0; r < kRegisters; ++r) sum[r] += item->weight * load(row + r * kLanes<T>);
    }
    for (int64_t r = 0; r < kRegisters; ++r) store(out + d + r * kLanes<T>, sum[r]);
  }
  if (d == dim) return;
  for (const WeightedRow<T>* item = first; item != last; ++item) {
    const T* row = rows + item->row * dim;
    for (int64_t e = d; e < dim; ++e) out[e] += item->weight * row[e];
  }
}

// Own gradient rows of a task, and components of the other side that pass by: together they stay in
// the second level.
constexpr int64_t kOwnBytes = 256 * 1024, kOtherBytes = 512 * 1024;

/// Gradient of one side. Every winner is one weighted row: own component k takes the row of its
/// winner l, and of every component l of the other side that it won. `grad_own` is zero where a
/// component is invalid.
template <class Runtime, class In>
class FgmBackward {
  using T = Accumulator<In>;

 public:
  FgmBackward(const Components<In>& own, const Components<In>& other, FgmSide<const T> own_side,
              FgmSide<const T> other_side, In* grad_own, int64_t own_rows)
      : own_(own),
        other_(other),
        own_side_(own_side),
        other_side_(other_side),
        grad_own_(grad_own),
        batch_(std::max<int64_t>(kOtherBytes / (other.count * other.dim * sizeof(T)), 1)),
        gradient_(own_rows * own.dim),
        converted_(std::is_same_v<In, T> ? 0 : batch_ * other.count * other.dim),
        items_(batch_ * (own.count + other.count)),
        ends_(own.count + 1) {}

  void operator()(const Block& block) {
    std::fill_n(gradient_.get(), block.rows() * own_.dim, T(0));
    for (int64_t first = 0; first < other_.batch; first += batch_) {
      const int64_t last = std::min(first + batch_, other_.batch);
      const T* others = stored(first, last);
      for (int64_t sample = block.first; sample < block.last; ++sample) {
        collect(sample, first, last);
        add(sample, others, gradient_.get() - block.begin * own_.dim);
      }
    }
    for (int64_t row = block.begin; row < block.end; ++row) {
      const T* from = gradient_.get() + (row - block.begin) * own_.dim;
      In* to = grad_own_ + own_.source(row) * own_.dim;
      for (int64_t d = 0; d < own_.dim; ++d) to[d] = static_cast<In>(from[d]);
    }
  }

 private:
  /// All components of samples [first, last), at their stored positions.
  const T* stored(int64_t first, int64_t last) {
    const int64_t begin = first * other_.count, length = (last - first) * other_.count;
    if constexpr (std::is_same_v<In, T>) return other_.data + begin * other_.dim;
    other_.copy_stored(begin, length, converted_.get());
    return converted_.get();
  }

  /// Call take(k, row, weight) for each winner between a sample and those of [first, last).
  template <class Take>
  void for_each_winner(int64_t sample, int64_t first, int64_t last, const Take& take) const {
    const int64_t own_begin = own_.offsets[sample], own_valid = own_.valid(sample);
    for (int64_t b = first; b < last; ++b) {
      const int64_t other_begin = other_.offsets[b], other_valid = other_.valid(b);
      if (other_valid == 0) continue;
      const int64_t base = (b - first) * other_.count;
      const int64_t own_pair = own_side_.pair(sample, b), other_pair = other_side_.pair(b, sample);
      const T own_share = own_side_.score[own_pair] / T(own_valid);
      const T other_share = other_side_.score[other_pair] / T(other_valid);
      for (int64_t row = own_begin; row < own_begin + own_valid; ++row) {
        const int64_t k = own_.index_in_sample(row);
        take(k, base + own_side_.argmax.get(own_pair * own_.count + k), own_share);
      }
      for (int64_t row = other_begin; row < other_begin + other_valid; ++row) {
        const int64_t l = other_.index_in_sample(row);
        take(other_side_.argmax.get(other_pair * other_.count + l), base + l, other_share);
      }
    }
  }

  /// Sort the winners by own component: those of component k end up in items_[ends_[k - 1],
  /// ends_[k]).
  void collect(int64_t sample, int64_t first, int64_t last) {
    std::fill_n(ends_.get(), own_.count + 1, int64_t(0));
    if (own_.valid(sample) == 0) return;
    for_each_winner(sample, first, last, [&](int64_t k, int64_t, T) { ++ends_[k + 1]; });
    std::partial_sum(ends_.get(), ends_.get() + own_.count + 1, ends_.get());
    for_each_winner(sample, first, last,
                    [&](int64_t k, int64_t row, T weight) { items_[ends_[k]++] = {row, weight}; });
  }

  void add(int64_t sample, const T* others, T* gradient) {
    for (int64_t row = own_.offsets[sample]; row < own_.offsets[sample + 1]; ++row) {
      const int64_t k = own_.index_in_sample(row);
      const int64_t begin = k == 0 ? 0 : ends_[k - 1];
      add_weighted_rows(items_.get() + begin, items_.get() + ends_[k], others, own_.dim,
                        gradient + row * own_.dim);
    }
  }

  const Components<In>&own_, &other_;
  const FgmSide<const T> own_side_, other_side_;
  In* const grad_own_;
  const int64_t batch_;
  Buffer<T> gradient_, converted_;
  Buffer<WeightedRow<T>> items_;
  Buffer<int64_t> ends_;
};

template <class Runtime, class In>
void fgm_backward(const Components<In>& own, const Components<In>& other,
                  FgmSide<const Accumulator<In>> own_side,
                  FgmSide<const Accumulator<In>> other_side, In* grad_own) {
  if (other.rows() == 0) return;
  const int64_t row_bytes = std::max<int64_t>(own.dim, 1) * sizeof(Accumulator<In>);
  const auto blocks = blocks_of(own, std::max<int64_t>(kOwnBytes / row_bytes, 1));
  const int64_t own_rows = largest(blocks);
  Runtime::parallel(blocks.size(), [&] {
    return [&, backward =
                   FgmBackward<Runtime, In>(own, other, own_side, other_side, grad_own, own_rows)](
               int64_t task) mutable { backward(blocks[task]); };
  });
}

}  // namespace alignops

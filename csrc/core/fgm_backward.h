// FGM's backward. It is sparse: one winner per component and pair.
#pragma once

#include <algorithm>
#include <numeric>

#include "core/fgm.h"
#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

/// A winner as the gradient sees it: `weight` times a stretch of one of the other side's rows.
template <class T>
struct WeightedRow {
  const T* row;
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
inline void add_weighted_rows(const WeightedRow<T>* first, const WeightedRow<T>* last, T* out) {
  Vector<T> sum[kStretchVectors];
  for (int64_t v = 0; v < kStretchVectors; ++v) sum[v] = load(out + v * kLanes<T>);
  for (const WeightedRow<T>* item = first; item != last; ++item) {
    const T* row = item->row;
    for (int64_t v = 0; v < kStretchVectors; ++v)
      sum[v] += item->weight * load(row + v * kLanes<T>);
  }
  for (int64_t v = 0; v < kStretchVectors; ++v) store(out + v * kLanes<T>, sum[v]);
}

// A stretch of the own rows of a task stays in the second level of cache, and of the rows that it
// takes from in the first. But some samples of the other side are taken at once anyway: each visit
// of an own row should find several winners.
constexpr int64_t kOwnStretchBytes = 256 * 1024, kOtherStretchBytes = 24 * 1024;
constexpr int64_t kMinOtherSamples = 4;
// Tasks are made at least this many where the batch allows, so that a few threads find equal work.
constexpr int64_t kMinTasks = 8;

/// How many samples of `count` components fit with one stretch of each.
template <class T>
inline int64_t samples_of(int64_t bytes, int64_t count) {
  const int64_t sample_bytes = std::max<int64_t>(count, 1) * kStretch<T> * sizeof(T);
  return std::max<int64_t>(1, bytes / sample_bytes);
}

/// How many own samples make a task.
template <class In>
int64_t fgm_backward_samples(const Components<In>& own) {
  return std::clamp<int64_t>((own.batch + kMinTasks - 1) / kMinTasks, 1,
                             samples_of<Accumulator<In>>(kOwnStretchBytes, own.count));
}

/// Gradient of one side, stored (B, count, dim) like its components: all of it is written, zeros
/// where a component is invalid. A winner hands over its share of the mean times the row it met:
/// own component k takes the row of its winner, and the row of every component of the other side
/// that it won.
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
        batch_(std::max(samples_of<T>(kOtherStretchBytes, other.count), kMinOtherSamples)),
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
          add_weighted_rows(from, winners_.get() + ends_[row], to + row * kStretch<T>);
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

  /// Group the winners by own row: those of row i end up in [ends_[i - 1], ends_[i]). Two
  /// components that chose each other, every other one, make one entry with both weights. No branch
  /// depends on that: it would be mispredicted half of the time.
  template <class OwnIndex, class OtherIndex>
  void sort_winners(const Pairs& pairs, const OwnIndex* own_argmax,
                    const OtherIndex* other_argmax) {
    const int64_t rows = (pairs.end - pairs.begin) * own_.count;
    // Local, as a store of an index could change a member for all the compiler knows.
    int32_t* const all_ends = ends_.get();
    WeightedRow<T>* const winners = winners_.get();
    const int64_t spare = spare_;

    std::fill_n(all_ends, rows + 1, 0);
    for_each_pair(pairs, [&](int64_t a, int64_t b) {
      const OwnIndex* of_own = own_argmax + own_side_.pair(a, b) * own_.count;
      const OtherIndex* of_other = other_argmax + other_side_.pair(b, a) * other_.count;
      int32_t* const counts = all_ends + 1 + (a - pairs.begin) * own_.count;
      own_.for_each_valid(a, [=](int64_t k) { ++counts[k]; });
      other_.for_each_valid(b, [=](int64_t l) { counts[of_other[l]] += of_own[of_other[l]] != l; });
    });
    std::partial_sum(all_ends, all_ends + rows + 1, all_ends);
    for_each_pair(pairs, [&](int64_t a, int64_t b) {
      const int64_t own_pair = own_side_.pair(a, b), other_pair = other_side_.pair(b, a);
      const OwnIndex* of_own = own_argmax + own_pair * own_.count;
      const OtherIndex* of_other = other_argmax + other_pair * other_.count;
      const T own_share = own_side_.score[own_pair] / T(own_.valid(a));
      const T other_share = other_side_.score[other_pair] / T(other_.valid(b));
      const T shares[] = {own_share, own_share + other_share};
      int32_t* const ends = all_ends + (a - pairs.begin) * own_.count;
      const T* const others = others_.get() + (b - pairs.first) * other_.count * kStretch<T>;
      own_.for_each_valid(a, [=](int64_t k) {
        const int64_t l = of_own[k];
        winners[ends[k]++] = {others + l * kStretch<T>, shares[of_other[l] == k]};
      });
      other_.for_each_valid(b, [=](int64_t l) {
        const int64_t k = of_other[l];
        const int64_t is_new = of_own[k] != l;
        winners[spare + is_new * (ends[k] - spare)] = {others + l * kStretch<T>, other_share};
        ends[k] += is_new;
      });
    });
  }

  /// Call visit(a, b) for the pairs with valid components on both sides.
  template <class Visit>
  void for_each_pair(const Pairs& pairs, const Visit& visit) const {
    for (int64_t a = pairs.begin; a < pairs.end; ++a) {
      for (int64_t b = pairs.first; b < pairs.last; ++b) {
        if (own_.valid(a) > 0 && other_.valid(b) > 0) visit(a, b);
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
  const int64_t samples = fgm_backward_samples(own);
  const auto make_worker = [&] {
    return FgmBackward<In>(own, other, own_side, other_side, grad_own, samples);
  };
  typename Runtime::template Pool<decltype(make_worker)>(make_worker)
      .run(0, (own.batch + samples - 1) / samples);
}

}  // namespace alignops

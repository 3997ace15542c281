// FGM's backward. It is sparse: one winner per component and pair.
#pragma once

#include <algorithm>
#include <utility>

#include "core/fgm.h"
#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

// Gradients are summed a stretch of the embedding at a time: as many vectors as keep the
// multiply-add units busy, or as a short embedding fills. The rows that they are summed from are
// copied first, stretch behind stretch: those that lie a power of two apart would share a few cache
// sets.
constexpr int64_t kStretchVectors = 8;

/// A winner as the gradient sees it: `weight` times one of the other side's rows, number `row` of
/// its batch.
template <class T>
struct WeightedRow {
  int32_t row;
  T weight;
};

/// sum += weighted rows, over a stretch.
template <int kVectors, class T>
inline void add_weighted_rows(const WeightedRow<T>* first, const WeightedRow<T>* last,
                              const T* stretches, Vector<T> (&sum)[kVectors]) {
  for (const WeightedRow<T>* item = first; item != last; ++item) {
    const T* row = stretches + int64_t{item->row} * (kVectors * kLanes<T>);
    for (int64_t v = 0; v < kVectors; ++v) sum[v] += item->weight * load(row + v * kLanes<T>);
  }
}

// Rows that are given are summed so many at a time where they are many: rounding errors grow with
// the length of a sum.
constexpr int64_t kSummedRows = 4096;

/// Add whole runs of kSummedRows to `out`; returns the first row that is left. Out of line, as it
/// would take registers from the loop that nearly all rows go through.
template <int kVectors, class T>
[[gnu::noinline]] const WeightedRow<T>* add_runs(const WeightedRow<T>* first,
                                                 const WeightedRow<T>* last, const T* stretches,
                                                 T* out) {
  for (; last - first > kSummedRows; first += kSummedRows) {
    Vector<T> sum[kVectors]{};
    add_weighted_rows(first, first + kSummedRows, stretches, sum);
    for (int64_t v = 0; v < kVectors; ++v) {
      store<T>(out + v * kLanes<T>, load(out + v * kLanes<T>) + sum[v]);
    }
  }
  return first;
}

// A stretch of the own rows of a task stays in the second level of cache, and of the rows that it
// takes from in the first. But some samples of the other side are taken at once anyway: each visit
// of an own row should find several winners.
constexpr int64_t kOwnStretchBytes = 256 * 1024, kOtherStretchBytes = 24 * 1024;
constexpr int64_t kMinOtherSamples = 4;
// Where samples are large, so much of the other side is copied at a time, and so many of its rows
// are listed, unless one sample is more.
constexpr int64_t kMaxOtherBytes = 16 * 1024 * 1024, kMaxListed = 256 * 1024;
// Tasks are made at least this many where the batch allows, so that a few threads find equal work.
constexpr int64_t kMinTasks = 8;

/// How the gradient of one side is cut up; it follows from the problem alone.
template <class T>
struct FgmBackwardCuts {
  int64_t vectors = 1, stretches;  // of a stretch, and of an embedding
  int64_t own = 1, other = 1;      // samples of a task, and of the other side at a time

  template <class In>
  FgmBackwardCuts(const Components<In>& own_side, const Components<In>& other_side) {
    while (vectors < kStretchVectors && vectors * kLanes<T> < own_side.dim) vectors *= 2;
    stretches = std::max<int64_t>((own_side.dim + width() - 1) / width(), 1);
    const int64_t stretch_bytes = width() * sizeof(T);
    const int64_t other_bytes = other_side.count * stretches * stretch_bytes;
    other = std::max(fitting(kOtherStretchBytes, other_side.count * stretch_bytes),
                     std::min(fitting(kMaxOtherBytes, other_bytes), kMinOtherSamples));
    other = std::clamp<int64_t>(other_side.batch, 1, other);
    own = std::clamp<int64_t>((own_side.batch + kMinTasks - 1) / kMinTasks, 1,
                              fitting(kOwnStretchBytes, own_side.count * stretch_bytes));
    own = std::min(own, fitting(kMaxListed, other * (own_side.count + other_side.count)));
  }

  int64_t width() const { return vectors * kLanes<T>; }

 private:
  /// How many of a size fit, at least 1.
  static int64_t fitting(int64_t room, int64_t size) {
    return std::max<int64_t>(room / std::max<int64_t>(size, 1), 1);
  }
};

/// Gradient of one side, stored (B, count, dim) like its components: all of it is written, zeros
/// where a component is invalid. A winner hands over its share of the mean times the row it met:
/// own component k takes the row of its winner, one of every other sample, and is given the row of
/// each component of the other side that it won. Two that chose each other, every other one, make
/// one row with both weights.
///
/// Rows of a batch of the other side, and those listed for a task, are counted in 32 bits: they are
/// those of one sample, which has fewer than 2^31 as winners are int32 at most, or a batch of
/// kMaxOtherBytes, a vector or more each, or kMaxListed.
template <class Runtime, class In>
class FgmBackward {
  using T = Accumulator<In>;

 public:
  FgmBackward(const Components<In>& own, const Components<In>& other, FgmSide<const T> own_side,
              FgmSide<const T> other_side, In* grad_own, const FgmBackwardCuts<T>& cuts)
      : own_(own),
        other_(other),
        own_side_(own_side),
        other_side_(other_side),
        grad_own_(grad_own),
        vectors_(cuts.vectors),
        width_(cuts.width()),
        stretches_(cuts.stretches),
        samples_(cuts.own),
        batch_(cuts.other),
        gradient_(samples_ * own.count * stretches_ * width_),
        others_(batch_ * other.count * stretches_ * width_),
        taken_(samples_ * own.count * batch_),
        found_(batch_ * other.count + 1),  // a row that is not given leaves one behind the end
        given_(samples_ * batch_ * other.count),
        given_ends_(samples_ * own.count + 1) {}

  void operator()(int64_t task) {
    const int64_t begin = task * samples_, end = std::min(begin + samples_, own_.batch);
    const int64_t rows = (end - begin) * own_.count;
    std::fill_n(gradient_.get(), rows * stretches_ * width_, T(0));
    for (int64_t first = 0; first < other_.batch; first += batch_) {
      Runtime::poll();
      const Pairs pairs{begin, end, first, std::min(first + batch_, other_.batch)};
      own_side_.argmax.with_type([&](const auto* own_argmax) {
        other_side_.argmax.with_type(
            [&](const auto* other_argmax) { find_winners(pairs, own_argmax, other_argmax); });
      });
      copy_others(pairs);
      for (int64_t stretch = 0; stretch < stretches_; ++stretch) {
        switch (vectors_) {
          case 1:
            add_winners<1>(pairs, stretch);
            break;
          case 2:
            add_winners<2>(pairs, stretch);
            break;
          case 4:
            add_winners<4>(pairs, stretch);
            break;
          default:
            add_winners<kStretchVectors>(pairs, stretch);
        }
      }
    }
    write(begin, rows);
  }

 private:
  /// A row that an own sample is given, and the component that won it.
  struct GivenRow {
    WeightedRow<T> row;
    int32_t component;
  };

  /// Own samples [begin, end) against samples [first, last) of the other side.
  struct Pairs {
    int64_t begin, end, first, last;
  };

  /// List the rows that each own component takes, in batch_ places of its own, and those that it is
  /// given, behind each other: those of own row i end at given_ends_[i + 1]. No branch depends on
  /// whether two components chose each other: it would be mispredicted half of the time.
  template <class OwnIndex, class OtherIndex>
  void find_winners(const Pairs& pairs, const OwnIndex* own_argmax,
                    const OtherIndex* other_argmax) {
    // Local, as a store of an index could change a member for all the compiler knows.
    const int64_t count = own_.count, other_count = other_.count, batch = batch_;
    WeightedRow<T>*taken = taken_.get(), *const given = given_.get();
    GivenRow* const found = found_.get();
    int32_t *ends = given_ends_.get() + 1, given_count = 0;
    ends[-1] = 0;
    for (int64_t a = pairs.begin; a < pairs.end; ++a) {
      int64_t found_count = 0, pair_number = 0;
      std::fill_n(ends, count, 0);
      for_each_pair(a, pairs, [&](int64_t b) {
        const int64_t own_pair = own_side_.pair(a, b), other_pair = other_side_.pair(b, a);
        const OwnIndex* of_own = own_argmax + own_pair * count;
        const OtherIndex* of_other = other_argmax + other_pair * other_count;
        const T own_share = own_side_.score[own_pair] / T(own_.valid(a));
        const T other_share = other_side_.score[other_pair] / T(other_.valid(b));
        const T shares[] = {own_share, own_share + other_share};
        const int32_t first_row = (b - pairs.first) * other_count;
        WeightedRow<T>* const of_pair = taken + pair_number++;
        own_.for_each_valid(a, [=](int64_t k) {
          const int32_t l = of_own[k];
          of_pair[k * batch] = {first_row + l, shares[of_other[l] == k]};
        });
        other_.for_each_valid(b, [=, &found_count](int32_t l) {
          const int32_t k = of_other[l];
          const int32_t is_new = of_own[k] != l;
          found[found_count] = {{first_row + l, other_share}, k};
          found_count += is_new;
          ends[k] += is_new;
        });
      });
      for (int64_t k = 0; k < count; ++k) given_count += std::exchange(ends[k], given_count);
      for (int64_t i = 0; i < found_count; ++i) given[ends[found[i].component]++] = found[i].row;
      taken += count * batch;
      ends += count;
    }
  }

  /// Add what find_winners found to one stretch of the own rows' gradients.
  template <int kVectors>
  void add_winners(const Pairs& pairs, int64_t stretch) const {
    constexpr int64_t kWidth = kVectors * kLanes<T>;
    const int64_t rows = (pairs.end - pairs.begin) * own_.count;
    const int64_t other_rows = (pairs.last - pairs.first) * other_.count;
    const T* const others = others_.get() + stretch * other_rows * kWidth;
    const WeightedRow<T>*taken = taken_.get(), *const given = given_.get();
    const int32_t* ends = given_ends_.get();
    T* gradient = gradient_.get() + stretch * rows * kWidth;
    const int64_t count = own_.count, batch = batch_;
    for (int64_t a = pairs.begin; a < pairs.end; ++a) {
      int64_t taken_count = 0;
      for_each_pair(a, pairs, [&](int64_t) { ++taken_count; });
      own_.for_each_valid(a, [=](int64_t k) {
        T* out = gradient + k * kWidth;
        const WeightedRow<T>*first = given + ends[k], *const last = given + ends[k + 1];
        if (last - first > kSummedRows) first = add_runs<kVectors>(first, last, others, out);
        Vector<T> sum[kVectors];
        for (int64_t v = 0; v < kVectors; ++v) sum[v] = load(out + v * kLanes<T>);
        add_weighted_rows(taken + k * batch, taken + k * batch + taken_count, others, sum);
        add_weighted_rows(first, last, others, sum);
        for (int64_t v = 0; v < kVectors; ++v) store(out + v * kLanes<T>, sum[v]);
      });
      taken += count * batch;
      ends += count;
      gradient += count * kWidth;
    }
  }

  /// Call visit(b) for the other samples that own sample `a` makes a pair of valid components with.
  template <class Visit>
  void for_each_pair(int64_t a, const Pairs& pairs, const Visit& visit) const {
    if (own_.valid(a) == 0) return;
    for (int64_t b = pairs.first; b < pairs.last; ++b) {
      if (other_.valid(b) > 0) visit(b);
    }
  }

  /// All components of the other samples, valid or not, stretch behind stretch: zeros behind the
  /// embedding's end. All stretches at once, as memory is read fastest in its order.
  void copy_others(const Pairs& pairs) const {
    const int64_t begin = pairs.first * other_.count, rows = pairs.last * other_.count - begin;
    const In* from = other_.data + begin * other_.dim;
    for (int64_t row = 0; row < rows; ++row, from += other_.dim) {
      for (int64_t stretch = 0; stretch < stretches_; ++stretch) {
        const int64_t width = width_of(stretch);
        T* to = others_.get() + (stretch * rows + row) * width_;
        for (int64_t d = 0; d < width; ++d) to[d] = static_cast<T>(from[stretch * width_ + d]);
        std::fill(to + width, to + width_, T(0));
      }
    }
  }

  int64_t width_of(int64_t stretch) const { return std::min(width_, own_.dim - stretch * width_); }

  /// Hand over the gradients of `rows` components from sample `begin` on.
  void write(int64_t begin, int64_t rows) const {
    In* to = grad_own_ + begin * own_.count * own_.dim;
    for (int64_t row = 0; row < rows; ++row, to += own_.dim) {
      for (int64_t stretch = 0; stretch < stretches_; ++stretch) {
        const T* from = gradient_.get() + (stretch * rows + row) * width_;
        In* out = to + stretch * width_;
        for (int64_t d = 0; d < width_of(stretch); ++d) out[d] = static_cast<In>(from[d]);
      }
    }
  }

  const Components<In>&own_, &other_;
  const FgmSide<const T> own_side_, other_side_;
  In* const grad_own_;
  const int64_t vectors_, width_, stretches_, samples_, batch_;
  Buffer<T> gradient_, others_;  // stretch behind stretch
  Buffer<WeightedRow<T>> taken_;
  Buffer<GivenRow> found_;
  Buffer<WeightedRow<T>> given_;
  Buffer<int32_t> given_ends_;
};

template <class Runtime, class In>
void fgm_backward(const Components<In>& own, const Components<In>& other,
                  FgmSide<const Accumulator<In>> own_side,
                  FgmSide<const Accumulator<In>> other_side, In* grad_own) {
  const FgmBackwardCuts<Accumulator<In>> cuts(own, other);
  const auto make_worker = [&] {
    return FgmBackward<Runtime, In>(own, other, own_side, other_side, grad_own, cuts);
  };
  typename Runtime::template Pool<decltype(make_worker)>(make_worker)
      .run(0, (own.batch + cuts.own - 1) / cuts.own);
}

}  // namespace alignops

// Backward of FILIP similarity (FGM). It is sparse: one winner per component and pair.
#pragma once

#include <algorithm>

#include "core/fgm.h"
#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

// Gradients are summed one stretch of the embedding at a time: enough vectors to keep the
// multiply-add units busy, or fewer for a short embedding. The rows to sum are first copied stretch
// by stretch: at a distance of a power of two they would share a few cache sets.
constexpr int64_t kStretchVectors = 8;

/// A term of the gradient: `weight` times row number `row` in a batch of the other side.
template <class T>
struct WeightedRow {
  int32_t row;
  T weight;
};

/// sum += weighted rows, over one stretch.
template <int kVectors, class T>
inline void add_weighted_rows(const WeightedRow<T>* first, const WeightedRow<T>* last,
                              const T* stretches, Vector<T> (&sum)[kVectors]) {
  for (const WeightedRow<T>* item = first; item != last; ++item) {
    const T* row = stretches + int64_t{item->row} * (kVectors * kLanes<T>);
    for (int64_t v = 0; v < kVectors; ++v) sum[v] += item->weight * load(row + v * kLanes<T>);
  }
}

// Long lists of given rows are summed this many at a time: rounding errors grow with the length of
// a sum.
constexpr int64_t kSummedRows = 4096;

/// Add whole runs of kSummedRows to `out`; returns the first remaining row. Out of line, to leave
/// the registers to the loop that handles nearly all rows.
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

// One stretch of a task's own rows stays in the L2 cache; one stretch of the other rows stays in
// the L1 cache. A few samples of the other side are always processed together, so that each visit
// to an own row finds several winners.
constexpr int64_t kOwnStretchBytes = 256 * 1024, kOtherStretchBytes = 24 * 1024;
constexpr int64_t kMinOtherSamples = 4;
// With large samples, at most this much of the other side is copied at a time, and at most this
// many of its rows are listed, or one sample if that is more.
constexpr int64_t kMaxOtherBytes = 16 * 1024 * 1024, kMaxListed = 256 * 1024;
// The work is cut into at least this many tasks if the batch allows, to balance a few threads.
constexpr int64_t kMinTasks = 8;

/// How the gradient of one side is cut into tasks; depends on the problem alone.
template <class T>
struct FgmBackwardCuts {
  int64_t vectors = 1, stretches;  // vectors per stretch, stretches per embedding
  int64_t own = 1, other = 1;      // samples per task, and of the other side at a time

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
  /// How many items of a size fit, at least 1.
  static int64_t fitting(int64_t room, int64_t size) {
    return std::max<int64_t>(room / std::max<int64_t>(size, 1), 1);
  }
};

/// Gradient of one side, stored (B, count, dim) like its components. All of it is written, with
/// zeros for invalid components. Each maximum adds its share of the mean times the matching row:
/// own component k takes the row of its winner in each other sample, and is given the row of each
/// other component whose winner it is. Two components that chose each other, about every second,
/// make one row with both weights.
///
/// 32 bits count the rows in a batch of the other side and the rows listed for a task. Both are
/// bounded: by one sample, whose winners are int32 at most, or by kMaxOtherBytes, at least a vector
/// per row, and kMaxListed.
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
        found_(batch_ * other.count + 1),  // one place past the end, for rows that are not given
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
  /// A row given to an own sample, and the component that won it.
  struct GivenRow {
    WeightedRow<T> row;
    int32_t component;
  };

  /// Own samples [begin, end) against samples [first, last) of the other side.
  struct Pairs {
    int64_t begin, end, first, last;
  };

  /// List the rows that each own component takes, in batch_ places of its own, and the rows that it
  /// is given, one after another: those of own row i end at given_ends_[i + 1]. No branch depends
  /// on whether two components chose each other: it would be mispredicted half of the time.
  template <class OwnIndex, class OtherIndex>
  void find_winners(const Pairs& pairs, const OwnIndex* own_argmax,
                    const OtherIndex* other_argmax) {
    // Local copies: to the compiler, a store of an index could change a member.
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
        const T own_share = own_side_.values[own_pair] / T(own_.valid(a));
        const T other_share = other_side_.values[other_pair] / T(other_.valid(b));
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
      given_count = sort_by_component(found, found_count, given_count, ends, given);
      taken += count * batch;
      ends += count;
    }
  }

  /// A counting sort: append the found rows to the `given_count` given ones, in the order of the
  /// components that won them. `ends` holds the number of rows of each component and leaves with
  /// the end of each one's; returns how many rows are given now.
  int32_t sort_by_component(const GivenRow* found, int64_t found_count, int32_t given_count,
                            int32_t* ends, WeightedRow<T>* given) const {
    for (int64_t k = 0; k < own_.count; ++k) {
      const int32_t rows = ends[k];
      ends[k] = given_count;
      given_count += rows;
    }
    for (int64_t i = 0; i < found_count; ++i) given[ends[found[i].component]++] = found[i].row;
    return given_count;
  }

  /// Add the rows listed by find_winners to one stretch of the own rows' gradients.
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

  /// Call visit(b) for each other sample if it and own sample `a` have valid components.
  template <class Visit>
  void for_each_pair(int64_t a, const Pairs& pairs, const Visit& visit) const {
    if (own_.valid(a) == 0) return;
    for (int64_t b = pairs.first; b < pairs.last; ++b) {
      if (other_.valid(b) > 0) visit(b);
    }
  }

  /// Copy all components of the other samples, valid or not, stretch by stretch, padded with zeros.
  /// In one pass over all stretches: memory is fastest in order.
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

  /// Write the gradients of `rows` components, from sample `begin` on.
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
  Buffer<T> gradient_, others_;  // stretch by stretch
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

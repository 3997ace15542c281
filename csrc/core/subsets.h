// All subsets of an image's regions against the phrases of a vector of texts, a lane for each text.
//
// The regions are split in halves. The sums of every subset of a half with every phrase are
// tabulated: u of the lower half, v of the upper one. A subset of both is one of each, and its
// similarity with phrase b is u[a][b] + v[c][b]. The best phrases of all subsets are then a matrix
// product with a maximum in place of the sum and a sum in place of the product: blocks of maxima
// stay in registers over the phrases, and a similarity costs one addition and one maximum. Regions
// beyond the two halves are walked around: u starts from each of their subsets in turn, so that the
// tables have one size for any number of regions.
//
// A similarity is a sum of at most M terms, in an order that the regions alone fix. Nothing is
// taken out of a sum again, so errors do not build up over the subsets.
#pragma once

#include <algorithm>
#include <limits>

#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

// A block of maxima, subsets of the lower half by subsets of the upper one, takes 16 of 32
// registers with AVX-512, else 8 of 16.
constexpr int64_t kLowerBlock = 4, kUpperBlock = kVectorBytes == 64 ? 4 : 2;
// Tables of 2^5 subsets by some tens of phrases stay in the first two levels of cache.
constexpr int64_t kHalfRegions = 5;
// With them, either half has the subsets of a block.
constexpr int64_t kMinRegions = 4;

/// A vector for every subset of some regions and every phrase. The subsets of a block lie next
/// to each other, so that it is read in the order of memory.
template <class T, int64_t kBlock>
class SubsetTable {
 public:
  static constexpr int64_t kStep = kBlock * kLanes<T>;  // from one phrase to the next

  explicit SubsetTable(int64_t max_phrases) : values_((max_phrases << kHalfRegions) * kLanes<T>) {}

  void resize(int64_t regions, int64_t phrases) {
    regions_ = regions;
    phrases_ = phrases;
  }

  int64_t regions() const { return regions_; }
  int64_t subsets() const { return int64_t(1) << regions_; }
  T* at(int64_t subset, int64_t phrase) const {
    const int64_t block = subset / kBlock, in_block = subset % kBlock;
    return values_.get() + (block * phrases_ + phrase) * kStep + in_block * kLanes<T>;
  }

  /// Tabulate the sums of `s`, a vector for each region and phrase. The caller has written those of
  /// the empty subset.
  void add_up(const T* s) {
    for (int64_t m = 0; m < regions_; ++m, s += phrases_ * kLanes<T>) {
      const int64_t region = int64_t(1) << m;
      for (int64_t subset = 0; subset < region; ++subset) {
        const T* without = at(subset, 0);
        T* with = at(subset + region, 0);
        for (int64_t b = 0; b < phrases_; ++b) {
          store<T>(with + b * kStep, load(without + b * kStep) + load(s + b * kLanes<T>));
        }
      }
    }
  }

 private:
  Buffer<T> values_;
  int64_t regions_ = 0, phrases_ = 0;
};

/// The similarities of one image with a vector of texts, and the best phrases of all subsets of its
/// regions.
template <class Runtime, class T>
class Subsets {
 public:
  /// The maxima over phrases of a block of subsets.
  using Maxima = Vector<T>[kLowerBlock][kUpperBlock];

  Subsets(int64_t max_regions, int64_t max_phrases)
      : s_(std::max(max_regions, kMinRegions) * max_phrases * kLanes<T>),
        absent_(max_phrases * kLanes<T>),
        lower_(max_phrases),
        upper_(max_phrases) {}

  /// To be called first for an image and a vector of texts, the longest of which has `phrases`.
  void resize(int64_t regions, int64_t phrases) {
    // More regions whose similarities are 0 leave means over subsets as they are.
    regions_ = std::max(regions, kMinRegions);
    phrases_ = phrases;
    std::fill(similarity(regions, 0), similarity(regions_, 0), T(0));
    lower_.resize(std::min(regions_ / 2, kHalfRegions), phrases);
    upper_.resize(std::min(regions_ - lower_.regions(), kHalfRegions), phrases);
  }

  int64_t regions() const { return regions_; }
  int64_t phrases() const { return phrases_; }
  const SubsetTable<T, kLowerBlock>& lower() const { return lower_; }
  const SubsetTable<T, kUpperBlock>& upper() const { return upper_; }
  /// The first of the regions beyond both halves.
  int64_t first_outer() const { return lower_.regions() + upper_.regions(); }
  double count() const { return static_cast<double>(int64_t(1) << regions_); }

  /// A vector to be written for each region and phrase: 0 in the lanes of texts with fewer.
  T* similarity(int64_t region, int64_t phrase) const {
    return s_.get() + (region * phrases_ + phrase) * kLanes<T>;
  }
  /// A vector to be written for each phrase: -inf in the lanes of texts with fewer, else 0.
  T* absent(int64_t phrase) const { return absent_.get() + phrase * kLanes<T>; }

  /// Call body(outer) with the tables for each subset of the regions beyond both halves, of which
  /// bit m is region first_outer() + m.
  template <class Body>
  void for_each_outer(const Body& body) {
    for (int64_t b = 0; b < phrases_; ++b) store<T>(upper_.at(0, b), Vector<T>{});
    upper_.add_up(similarity(lower_.regions(), 0));
    for (int64_t outer = 0; outer < int64_t(1) << (regions_ - first_outer()); ++outer) {
      if (outer > 0) Runtime::poll();
      for (int64_t b = 0; b < phrases_; ++b) {
        Vector<T> sum = load(absent(b));
        for (int64_t m = first_outer(); m < regions_; ++m) {
          if (outer >> (m - first_outer()) & 1) sum += load(similarity(m, b));
        }
        store<T>(lower_.at(0, b), sum);
      }
      lower_.add_up(similarity(0, 0));
      body(outer);
    }
  }

  /// The maxima of the subsets from a in the lower half and from c in the upper one on. A maximum
  /// may pass over NaN.
  void find_maxima(int64_t a, int64_t c, Maxima& top) const {
    const T *u = lower_.at(a, 0), *v = upper_.at(c, 0);
    for (int64_t i = 0; i < kLowerBlock; ++i) {
      for (int64_t j = 0; j < kUpperBlock; ++j) {
        top[i][j] = load(u + i * kLanes<T>) + load(v + j * kLanes<T>);
      }
    }
    for (int64_t b = 1; b < phrases_; ++b) {
      u += lower_.kStep;
      v += upper_.kStep;
      Vector<T> of_upper[kUpperBlock];
      for (int64_t j = 0; j < kUpperBlock; ++j) of_upper[j] = load(v + j * kLanes<T>);
      for (int64_t i = 0; i < kLowerBlock; ++i) {
        const Vector<T> of_lower = load(u + i * kLanes<T>);
        for (int64_t j = 0; j < kUpperBlock; ++j) {
          top[i][j] = max<T>(top[i][j], of_lower + of_upper[j]);
        }
      }
    }
  }

  /// The mean over subsets of the maximum over phrases; NaN where a similarity is not finite, as a
  /// subset without its region counts it 0 times.
  Vector<T> mean_of_maxima() {
    // Sums of a row of blocks are short; sums of all rows may be long.
    double sum[kLanes<T>] = {};
    for_each_outer([&](int64_t) {
      for (int64_t a = 0; a < lower_.subsets(); a += kLowerBlock) {
        const Vector<T> row = sum_of_maxima(a);
        for (int64_t lane = 0; lane < kLanes<T>; ++lane) sum[lane] += row[lane];
      }
    });
    Vector<T> mean{};
    for (int64_t i = 0; i < regions_ * phrases_; ++i) mean += 0 * load(s_.get() + i * kLanes<T>);
    for (int64_t lane = 0; lane < kLanes<T>; ++lane) {
      mean[lane] += static_cast<T>(sum[lane] / count());
    }
    return mean;
  }

 private:
  /// Over the subsets from a in the lower half on, with all of the upper one.
  Vector<T> sum_of_maxima(int64_t a) const {
    Vector<T> sum{};
    for (int64_t c = 0; c < upper_.subsets(); c += kUpperBlock) {
      Maxima top;
      find_maxima(a, c, top);
      Vector<T> of_block{};
      for (const auto& row : top) {
        for (const Vector<T>& maximum : row) of_block += maximum;
      }
      sum += of_block;
    }
    return sum;
  }

  Buffer<T> s_, absent_;
  SubsetTable<T, kLowerBlock> lower_;
  SubsetTable<T, kUpperBlock> upper_;
  int64_t regions_ = 0, phrases_ = 0;
};

// With their winners beside them, fewer maxima make a block.
constexpr int64_t kWinnerRows = kVectorBytes == 64 ? 4 : 2, kWinnerColumns = 2;
// The wins of a phrase are tallied in one word for each half: a field for each of its regions,
// which are in half of the subsets each, and in that of the lower half, above them, one for all
// subsets.
typedef uint64_t Tally __attribute__((vector_size(16)));
constexpr int64_t kFieldBits = 2 * kHalfRegions;
static_assert(kFieldBits * kHalfRegions + kFieldBits + 1 <= 64);

/// Of how many subsets with a region each phrase is the best one, the lowest among equals.
template <class T>
class SubsetWins {
  using Count = Integer<T>;

 public:
  SubsetWins(int64_t max_regions, int64_t max_phrases)
      : wins_(std::max(max_regions, kMinRegions) * max_phrases * kLanes<T>),
        tally_(max_phrases * kLanes<T>) {}

  template <class Runtime>
  void count(Subsets<Runtime, T>& subsets) {
    phrases_ = subsets.phrases();
    const int64_t lower = subsets.lower().regions(), upper = subsets.upper().regions();
    std::fill_n(wins_.get(), subsets.regions() * row(), Count(0));
    subsets.for_each_outer([&](int64_t outer) {
      std::fill_n(tally_.get(), row(), Tally{});
      for (int64_t a = 0; a < subsets.lower().subsets(); a += kWinnerRows) {
        for (int64_t c = 0; c < subsets.upper().subsets(); c += kWinnerColumns) {
          tally_block(subsets, a, c);
        }
      }
      for (int64_t m = 0; m < lower; ++m) add_field(0, m, m);
      for (int64_t m = 0; m < upper; ++m) add_field(1, m, lower + m);
      for (int64_t m = lower + upper; outer > 0; ++m, outer >>= 1) {
        if (outer & 1) add_field(0, kHalfRegions, m);
      }
    });
  }

  /// A vector for each region and phrase.
  const Count* wins(int64_t region, int64_t phrase) const {
    return wins_.get() + region * row() + phrase * kLanes<T>;
  }

 private:
  using Winners = Vector<Count>[kWinnerRows][kWinnerColumns];

  int64_t row() const { return phrases_ * kLanes<T>; }

  /// A bit in the field of each region of a half's subset.
  static uint64_t fields(int64_t subset) {
    uint64_t result = 0;
    for (int64_t m = 0; m < kHalfRegions; ++m) {
      result |= uint64_t(subset >> m & 1) << (m * kFieldBits);
    }
    return result;
  }

  template <class Runtime>
  void tally_block(const Subsets<Runtime, T>& subsets, int64_t a, int64_t c) {
    Winners best;
    find_winners(subsets, a, c, best);
    for (int64_t i = 0; i < kWinnerRows; ++i) {
      const uint64_t of_lower = fields(a + i) | uint64_t(1) << (kHalfRegions * kFieldBits);
      for (int64_t j = 0; j < kWinnerColumns; ++j) {
        const Tally won{of_lower, fields(c + j)};
        Count at[kLanes<T>];
        store<Count>(at, best[i][j]);
        for (int64_t lane = 0; lane < kLanes<T>; ++lane) {
          tally_[at[lane]] += won;
        }
      }
    }
  }

  /// Where the tally of each subset's best phrase is: phrase * lanes + lane.
  template <class Runtime>
  void find_winners(const Subsets<Runtime, T>& subsets, int64_t a, int64_t c, Winners& best) const {
    const T *u = subsets.lower().at(a, 0), *v = subsets.upper().at(c, 0);
    Vector<Count> at;
    for (int64_t lane = 0; lane < kLanes<T>; ++lane) at[lane] = lane;
    typename Subsets<Runtime, T>::Maxima top;
    for (int64_t i = 0; i < kWinnerRows; ++i) {
      for (int64_t j = 0; j < kWinnerColumns; ++j) {
        top[i][j] = load(u + i * kLanes<T>) + load(v + j * kLanes<T>);
        best[i][j] = at;
      }
    }
    for (int64_t b = 1; b < phrases_; ++b) {
      u += subsets.lower().kStep;
      v += subsets.upper().kStep;
      at += static_cast<Count>(kLanes<T>);
      Vector<T> of_upper[kWinnerColumns];
      for (int64_t j = 0; j < kWinnerColumns; ++j) of_upper[j] = load(v + j * kLanes<T>);
      for (int64_t i = 0; i < kWinnerRows; ++i) {
        const Vector<T> of_lower = load(u + i * kLanes<T>);
        for (int64_t j = 0; j < kWinnerColumns; ++j) {
          const Vector<T> sum = of_lower + of_upper[j];
          const auto better = sum > top[i][j];
          top[i][j] = better ? sum : top[i][j];
          best[i][j] = better ? at : best[i][j];
        }
      }
    }
  }

  /// Add a field of a half's tallies to the wins with a region.
  void add_field(int64_t half, int64_t field, int64_t region) {
    Count* wins = wins_.get() + region * row();
    const uint64_t mask = field < kHalfRegions ? (uint64_t(1) << kFieldBits) - 1 : ~uint64_t(0);
    for (int64_t i = 0; i < row(); ++i) {
      wins[i] += static_cast<Count>(tally_[i][half] >> (field * kFieldBits) & mask);
    }
  }

  Buffer<Count> wins_;
  Buffer<Tally> tally_;
  int64_t phrases_ = 0;
};

}  // namespace alignops

// Exact powerset similarity: all subsets of an image's regions in Gray-code order, one region in or
// out a step.
//
// Q[B], the similarity of the present subset with phrase B, is kept in double: 2^20 additions and
// subtractions of floats would drift. Memory per pair is a few vectors of K, whatever M is.
#pragma once

#include <algorithm>
#include <limits>

#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

// A walk takes up to seconds; whether it is still wanted is asked often enough, and seldom enough
// to cost nothing.
constexpr uint64_t kSubsetsPerPoll = 1024;

/// Runs through the subsets of the regions of one pair (image, text).
template <class Runtime>
class SubsetWalk {
 public:
  explicit SubsetWalk(int64_t max_regions, int64_t max_phrases)
      : s_(max_regions * padded<double>(max_phrases)), q_(padded<double>(max_phrases)) {}

  /// Take the similarities of one pair, regions x phrases, rows `stride` apart.
  template <class T>
  void start(const T* s, int64_t regions, int64_t phrases, int64_t stride) {
    regions_ = regions;
    phrases_ = phrases;
    width_ = padded<double>(phrases);
    // The lanes behind the phrases never win.
    const double lost = -std::numeric_limits<double>::infinity();
    std::fill_n(q_.get(), width_, lost);
    std::fill_n(q_.get(), phrases, 0.0);
    std::fill_n(s_.get(), regions * width_, 0.0);
    for (int64_t m = 0; m < regions; ++m) {
      for (int64_t b = 0; b < phrases; ++b) s_[m * width_ + b] = s[m * stride + b];
    }
  }

  /// Call visit() at every subset, the empty one first, and flip(m, entered) before each but that
  /// one.
  template <class Visit, class Flip>
  void run(const Visit& visit, const Flip& flip) {
    const uint64_t subsets = uint64_t(1) << regions_;
    poll_before(subsets);
    visit();
    for (uint64_t code = 1; code < subsets; ++code) {
      const int64_t m = __builtin_ctzll(code);
      const bool entered = ((code ^ (code >> 1)) >> m) & 1;
      const double sign = entered ? 1 : -1;
      const double* s = s_.get() + m * width_;
      for (int64_t b = 0; b < width_; b += kLanes<double>) {
        store<double>(q_.get() + b, load(q_.get() + b) + sign * load(s + b));
      }
      flip(m, entered);
      visit();
    }
  }

  double best() const {
    Vector<double> best = load(q_.get());
    for (int64_t b = kLanes<double>; b < width_; b += kLanes<double>) {
      const Vector<double> q = load(q_.get() + b);
      best = q > best || q != q ? q : best;
    }
    double top = best[0];
    for (int64_t lane = 1; lane < kLanes<double>; ++lane) {
      if (best[lane] > top || best[lane] != best[lane]) top = best[lane];
    }
    return top;
  }

  /// The lowest phrase that reaches best().
  int64_t winner() const {
    const double top = best();
    int64_t b = 0;
    while (b + 1 < phrases_ && q_[b] != top) ++b;
    return b;
  }

 private:
  /// Before a walk, as its own loop would take longer with a call in it.
  void poll_before(uint64_t subsets) {
    if ((unpolled_ += subsets) < kSubsetsPerPoll) return;
    unpolled_ = 0;
    Runtime::poll();
  }

  Buffer<double> s_, q_;
  int64_t regions_ = 0, phrases_ = 0, width_ = 0;
  uint64_t unpolled_ = 0;  // subsets
};

/// Call pair(image, text, s) for each pair of a tile that has valid regions and phrases; s is its
/// first similarity.
template <class In, class T, class Pair>
inline void for_each_pair(const Components<In>& regions, const Components<In>& phrases, T* tile,
                          const Block& images, const Block& texts, const Pair& pair) {
  for (int64_t image = images.first; image < images.last; ++image) {
    T* s = tile + (regions.offsets[image] - images.begin) * texts.rows();
    for (int64_t text = texts.first; text < texts.last; ++text) {
      if (regions.valid(image) == 0 || phrases.valid(text) == 0) continue;
      pair(image, text, s + phrases.offsets[text] - texts.begin);
    }
  }
}

/// Forward epilogue: r2t and t2r (images x texts, zeroed where nothing is valid) from one tile.
template <class Runtime, class In>
class ExactPowersetForward {
  using T = Accumulator<In>;

 public:
  ExactPowersetForward(const Components<In>& regions, const Components<In>& phrases, T* r2t, T* t2r)
      : regions_(regions),
        phrases_(phrases),
        r2t_(r2t),
        t2r_(t2r),
        walk_(regions.count, phrases.count) {}

  void operator()(const T* tile, const Block& images, const Block& texts) {
    for_each_pair(
        regions_, phrases_, tile, images, texts,
        [&](int64_t image, int64_t text, const T* s) { score(image, text, s, texts.rows()); });
  }

 private:
  // Out of line, so that nothing else takes the registers of the walk's loop.
  [[gnu::noinline]] void score(int64_t image, int64_t text, const T* s, int64_t stride) {
    const int64_t regions = regions_.valid(image), phrases = phrases_.valid(text);
    double sum = 0, positive = 0;
    walk_.start(s, regions, phrases, stride);
    walk_.run([&] { sum += walk_.best(); }, [](int64_t, bool) {});
    for (int64_t m = 0; m < regions; ++m) {
      // The best subset for a phrase holds the regions that agree with it; a NaN is not below 0
      // either.
      for (int64_t b = 0; b < phrases; ++b)
        positive += s[m * stride + b] < 0 ? 0 : s[m * stride + b];
    }
    const int64_t pair = image * phrases_.batch + text;
    r2t_[pair] = static_cast<T>(sum / static_cast<double>(uint64_t(1) << regions));
    t2r_[pair] = static_cast<T>(positive / static_cast<double>(phrases));
  }

  const Components<In>&regions_, &phrases_;
  T *const r2t_, *const t2r_;
  SubsetWalk<Runtime> walk_;
};

/// Backward epilogue: of each similarity, the share of subsets that hold its region and are won by
/// its phrase.
template <class Runtime, class In>
class ExactPowersetBackward {
  using T = Accumulator<In>;

 public:
  ExactPowersetBackward(const Components<In>& regions, const Components<In>& phrases,
                        const T* grad_r2t, const T* grad_t2r)
      : regions_(regions),
        phrases_(phrases),
        grad_r2t_(grad_r2t),
        grad_t2r_(grad_t2r),
        walk_(regions.count, phrases.count),
        wins_(phrases.count),
        wins_with_(regions.count * phrases.count) {}

  void operator()(T* tile, const Block& images, const Block& texts) {
    for_each_pair(regions_, phrases_, tile, images, texts, [&](int64_t image, int64_t text, T* s) {
      differentiate(image, text, s, texts.rows());
    });
  }

 private:
  /// After it, wins_with_[m, b] is the number of subsets with region m that phrase b wins: the wins
  /// of b while m was in, taken as a difference of its running total where m enters and leaves.
  /// Out of line, like `score`.
  [[gnu::noinline]] void count_wins(const T* s, int64_t regions, int64_t phrases, int64_t stride) {
    std::fill_n(wins_.get(), phrases, int64_t(0));
    std::fill_n(wins_with_.get(), regions * phrases, int64_t(0));
    walk_.start(s, regions, phrases, stride);
    walk_.run([&] { ++wins_[walk_.winner()]; },
              [&](int64_t m, bool entered) { settle(m, entered ? -1 : 1, phrases); });
    // The last subset of the Gray code holds the last region alone.
    settle(regions - 1, 1, phrases);
  }

  void settle(int64_t m, int64_t sign, int64_t phrases) {
    for (int64_t b = 0; b < phrases; ++b) wins_with_[m * phrases + b] += sign * wins_[b];
  }

  void differentiate(int64_t image, int64_t text, T* s, int64_t stride) {
    const int64_t regions = regions_.valid(image), phrases = phrases_.valid(text);
    count_wins(s, regions, phrases, stride);
    const int64_t pair = image * phrases_.batch + text;
    const double through_r2t = grad_r2t_[pair] / static_cast<double>(uint64_t(1) << regions);
    const T through_t2r = grad_t2r_[pair] / T(phrases);
    for (int64_t m = 0; m < regions; ++m) {
      for (int64_t b = 0; b < phrases; ++b) {
        T& value = s[m * stride + b];
        const T share = static_cast<T>(through_r2t * wins_with_[m * phrases + b]);
        value = share + (value > 0 ? through_t2r : T(0));
      }
    }
  }

  const Components<In>&regions_, &phrases_;
  const T *const grad_r2t_, *const grad_t2r_;
  SubsetWalk<Runtime> walk_;
  Buffer<int64_t> wins_, wins_with_;
};

}  // namespace alignops

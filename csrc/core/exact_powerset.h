// Exact powerset similarity: the forward on panels of interleaved phrases, the backward as an
// epilogue of a tile of similarities between regions and phrases. What subsets take is in
// core/subsets.h.
#pragma once

#include <algorithm>

#include "core/panels.h"
#include "core/subsets.h"
#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

/// Scores runs of images against one panel of texts after another. A lane of a vector is a text.
template <class Runtime, class In>
class ExactPowersetForward {
  using T = Accumulator<In>;

 public:
  /// r2t and t2r are (images x texts).
  ExactPowersetForward(const Components<In>& regions, const Components<In>& phrases, T* r2t, T* t2r,
                       const PanelShape& shape)
      : regions_(regions),
        phrases_(phrases),
        r2t_(r2t),
        t2r_(t2r),
        tile_(regions, phrases, shape),
        subsets_(regions.count, shape.depth) {}

  void operator()(const Panel& panel, const Block& run) {
    tile_.for_each_sample(panel, run, [&](int64_t image, const T* s) {
      for (int64_t j = 0; j < panel.width(); j += kLanes<T>) score(panel, s, image, j);
    });
  }

 private:
  /// Score texts [j, j + lanes) of the panel.
  void score(const Panel& panel, const T* s, int64_t image, int64_t j) {
    int64_t phrases = 0;
    while (phrases < panel.depth() && j < panel.active(phrases)) ++phrases;
    const int64_t regions = regions_.valid(image);
    subsets_.resize(regions, phrases);
    Vector<T> positive{};
    for (int64_t b = 0; b < phrases; ++b) {
      const int64_t width = panel.active(b) - j;
      store<T>(subsets_.absent(b), first_lanes(Vector<T>{}, width, kMinusInfinity<T>));
      // The best subset for a phrase holds the regions that agree with it; a NaN is not below 0
      // either.
      Vector<T> of_phrase{};
      for (int64_t m = 0; m < regions; ++m) {
        const Vector<T> value =
            first_lanes(load(s + m * tile_.stride() + panel.offsets[b] + j), width, T(0));
        store<T>(subsets_.similarity(m, b), value);
        of_phrase += value < 0 ? Vector<T>{} : value;
      }
      positive += of_phrase;
    }
    keep(panel, image, j, subsets_.mean_of_maxima(), positive);
  }

  void keep(const Panel& panel, int64_t image, int64_t j, Vector<T> r2t, Vector<T> positive) const {
    const int64_t width = std::min(kLanes<T>, panel.width() - j);
    for (int64_t lane = 0; lane < width; ++lane) {
      const int64_t text = panel.samples[j + lane], pair = image * phrases_.batch + text;
      r2t_[pair] = r2t[lane];
      t2r_[pair] = positive[lane] / T(phrases_.valid(text));
    }
  }

  const Components<In>&regions_, &phrases_;
  T *const r2t_, *const t2r_;
  SampleTile<In> tile_;
  Subsets<Runtime, T> subsets_;
};

/// Scores of every pair with valid components on both sides; the others are left as they are.
template <class Runtime, class In>
void exact_powerset_forward(const Components<In>& regions, const Components<In>& phrases,
                            Accumulator<In>* r2t, Accumulator<In>* t2r) {
  for_each_panel<Runtime>(regions, phrases, [&](const PanelShape& shape) {
    return ExactPowersetForward<Runtime, In>(regions, phrases, r2t, t2r, shape);
  });
}

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
        subsets_(regions.count, phrases.count),
        wins_(regions.count, phrases.count) {}

  void operator()(T* tile, const Block& images, const Block& texts) {
    for (int64_t image = images.first; image < images.last; ++image) {
      if (regions_.valid(image) == 0) continue;
      T* s = tile + (regions_.offsets[image] - images.begin) * texts.rows();
      for (int64_t first = texts.first; first < texts.last; first += kLanes<T>) {
        differentiate(image, s, {texts, first, std::min(first + kLanes<T>, texts.last)});
      }
    }
  }

 private:
  /// Texts [first, last) of a block, a lane each.
  struct Lanes {
    const Block& texts;
    int64_t first, last;
  };

  void differentiate(int64_t image, T* s, const Lanes& lanes) {
    int64_t phrases = 0;
    for (int64_t text = lanes.first; text < lanes.last; ++text) {
      phrases = std::max(phrases, phrases_.valid(text));
    }
    if (phrases == 0) return;
    const int64_t regions = regions_.valid(image);
    subsets_.resize(regions, phrases);
    std::fill(subsets_.similarity(0, 0), subsets_.similarity(regions, 0), T(0));
    for_each_row(s, regions, lanes, [](T* of_row, T* of_lane, int64_t count) {
      for (int64_t b = 0; b < count; ++b) of_lane[b * kLanes<T>] = of_row[b];
    });
    mark_absent(lanes);
    wins_.count(subsets_);
    weigh(image, regions, lanes);
    for_each_row(s, regions, lanes, [](T* of_row, const T* of_lane, int64_t count) {
      for (int64_t b = 0; b < count; ++b) of_row[b] = of_lane[b * kLanes<T>];
    });
  }

  /// Call body(of_row, of_lane, count) for every region and text: the text's similarities in the
  /// tile, next to each other, and in its lane, a vector apart.
  template <class Body>
  void for_each_row(T* s, int64_t regions, const Lanes& lanes, const Body& body) const {
    const int64_t columns = lanes.texts.rows();
    for (int64_t text = lanes.first; text < lanes.last; ++text) {
      T* row = s + phrases_.offsets[text] - lanes.texts.begin;
      for (int64_t m = 0; m < regions; ++m, row += columns) {
        body(row, subsets_.similarity(m, 0) + (text - lanes.first), phrases_.valid(text));
      }
    }
  }

  void mark_absent(const Lanes& lanes) const {
    std::fill(subsets_.absent(0), subsets_.absent(subsets_.phrases()), kMinusInfinity<T>);
    for (int64_t text = lanes.first; text < lanes.last; ++text) {
      for (int64_t b = 0; b < phrases_.valid(text); ++b) subsets_.absent(b)[text - lanes.first] = 0;
    }
  }

  /// Replace the similarities by their gradients.
  void weigh(int64_t image, int64_t regions, const Lanes& lanes) const {
    Vector<T> through_r2t{}, through_t2r{};
    for (int64_t text = lanes.first; text < lanes.last; ++text) {
      const int64_t pair = image * phrases_.batch + text, count = phrases_.valid(text);
      if (count == 0) continue;
      through_r2t[text - lanes.first] = static_cast<T>(grad_r2t_[pair] / subsets_.count());
      through_t2r[text - lanes.first] = grad_t2r_[pair] / T(count);
    }
    for (int64_t m = 0; m < regions; ++m) {
      for (int64_t b = 0; b < subsets_.phrases(); ++b) {
        T* s = subsets_.similarity(m, b);
        const auto wins = __builtin_convertvector(load(wins_.wins(m, b)), Vector<T>);
        store<T>(s, through_r2t * wins + (load(s) > 0 ? through_t2r : Vector<T>{}));
      }
    }
  }

  const Components<In>&regions_, &phrases_;
  const T *const grad_r2t_, *const grad_t2r_;
  Subsets<Runtime, T> subsets_;
  SubsetWins<T> wins_;
};

}  // namespace alignops

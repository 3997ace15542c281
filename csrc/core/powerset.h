// Powerset similarity by PowerCLIP's aggregators: the forward on panels of interleaved phrases, the
// backward as an epilogue of a tile of similarities between regions and phrases.
//
// Everything follows from e = exp(-|s| / tau), one exponential per similarity (see
// docs/ops/powerset.md). The sum over regions of log1p(e) is taken as the logarithm of a product,
// kept as q with 1 + q = prod (1 + e), so that one log1p per phrase suffices and tiny terms are not
// lost.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/panels.h"
#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

template <class T>
struct PowersetParameters {
  T tau, zeta, inverse_tau;

  PowersetParameters(double tau, double zeta)
      : tau(static_cast<T>(tau)),
        zeta(static_cast<T>(zeta)),
        // Bounded, so that 0 / tau stays 0 where 1 / tau has no representation.
        inverse_tau(
            static_cast<T>(std::min(1 / tau, static_cast<double>(std::numeric_limits<T>::max())))) {
  }
};

/// Sums over the regions of one image, a vector of phrases at a time. They are taken in blocks of
/// 64 regions: 64 factors, which double a product at most, stay far below the largest float, and
/// rounding errors grow with the length of a block and the number of blocks, not with their
/// product.
template <class T>
struct RegionSums {
  Vector<T> positive{}, negative{}, log1p{};

  /// Add one region's similarities; returns their e.
  Vector<T> add(Vector<T> s, T inverse_tau) {
    const Vector<T> zero{};
    const Vector<T> e = exp(-abs<T>(s) * inverse_tau);
    block_positive_ = s > zero ? block_positive_ + s : block_positive_;
    block_negative_ = s < zero ? block_negative_ + s : block_negative_;
    block_q_ += e * (block_q_ + 1);
    if (++in_block_ == 64) close_block();
    return e;
  }

  /// To be called after the last add.
  void close_block() {
    positive += block_positive_;
    negative += block_negative_;
    log1p += alignops::log1p(block_q_);
    block_positive_ = block_negative_ = block_q_ = Vector<T>{};
    in_block_ = 0;
  }

  /// sum of tau * softplus(s / tau)
  Vector<T> softplus(const PowersetParameters<T>& p) const { return positive + p.tau * log1p; }

  /// sum of s/2 + zeta * tau * logcosh(s / (2 tau))
  Vector<T> bracket(const PowersetParameters<T>& p, int64_t regions) const {
    const T log_two = static_cast<T>(regions * 0.69314718055994530942);
    return positive * ((1 + p.zeta) / 2) + negative * ((1 - p.zeta) / 2) +
           p.zeta * p.tau * (log1p - log_two);
  }

 private:
  Vector<T> block_positive_{}, block_negative_{}, block_q_{};
  int64_t in_block_ = 0;
};

/// The sums over the regions of one image, whose similarities with a vector of phrases start at s,
/// `stride` apart; keep(region, similarities, exponentials) sees all of them.
template <class T, class Keep>
inline RegionSums<T> sum_regions(const T* s, int64_t regions, int64_t stride, T inverse_tau,
                                 const Keep& keep) {
  RegionSums<T> sums;
  for (int64_t m = 0; m < regions; ++m) {
    const Vector<T> value = load(s + m * stride);
    keep(m, value, sums.add(value, inverse_tau));
  }
  sums.close_block();
  return sums;
}

/// Scores runs of images against one panel of texts after another. A lane of a vector is a text, so
/// that what is reduced over its phrases is reduced between vectors.
template <class In>
class PowersetForward {
  using T = Accumulator<In>;

 public:
  /// r2t and t2r are (images x texts).
  PowersetForward(const Components<In>& regions, const Components<In>& phrases,
                  PowersetParameters<T> parameters, T* r2t, T* t2r, const PanelShape& shape)
      : regions_(regions),
        phrases_(phrases),
        parameters_(parameters),
        r2t_(r2t),
        t2r_(t2r),
        tile_(regions, phrases, shape),
        bracket_(shape.depth * kLanes<T>) {}

  void operator()(const Panel& panel, const Block& run) {
    tile_.for_each_sample(panel, run, [&](int64_t image, const T* s) {
      for (int64_t j = 0; j < panel.width(); j += kLanes<T>) score(panel, s, image, j);
    });
  }

 private:
  /// Score texts [j, j + lanes) of the panel.
  void score(const Panel& panel, const T* s, int64_t image, int64_t j) const {
    const int64_t regions = regions_.valid(image);
    Vector<T> softplus{}, top = Vector<T>{} + kLowest<T>;
    int64_t depth = 0;
    for (; depth < panel.depth() && j < panel.active(depth); ++depth) {
      const auto sums = sum_regions(s + panel.offsets[depth] + j, regions, tile_.stride(),
                                    parameters_.inverse_tau, [](int64_t, Vector<T>, Vector<T>) {});
      const int64_t width = panel.active(depth) - j;
      softplus += first_lanes(sums.softplus(parameters_), width, T(0));
      const Vector<T> bracket = first_lanes(sums.bracket(parameters_, regions), width, kLowest<T>);
      top = max<T>(top, bracket);
      store<T>(bracket_.get() + depth * kLanes<T>, bracket);
    }
    // The maximum passes over NaN; its exponential does not.
    Vector<T> total{};
    for (int64_t l = 0; l < depth; ++l) {
      total += exp((load(bracket_.get() + l * kLanes<T>) - top) * parameters_.inverse_tau);
    }
    keep(panel, image, j, top + parameters_.tau * log(total), softplus);
  }

  void keep(const Panel& panel, int64_t image, int64_t j, Vector<T> r2t, Vector<T> softplus) const {
    const int64_t width = std::min(kLanes<T>, panel.width() - j);
    for (int64_t lane = 0; lane < width; ++lane) {
      const int64_t text = panel.samples[j + lane], pair = image * phrases_.batch + text;
      r2t_[pair] = r2t[lane];
      t2r_[pair] = softplus[lane] / T(phrases_.valid(text));
    }
  }

  const Components<In>&regions_, &phrases_;
  const PowersetParameters<T> parameters_;
  T *const r2t_, *const t2r_;
  SampleTile<In> tile_;
  Buffer<T> bracket_;
};

/// Scores of every pair with valid components on both sides; the others are left as they are.
template <class Runtime, class In>
void powerset_forward(const Components<In>& regions, const Components<In>& phrases,
                      PowersetParameters<Accumulator<In>> parameters, Accumulator<In>* r2t,
                      Accumulator<In>* t2r) {
  for_each_panel<Runtime>(regions, phrases, [&](const PanelShape& shape) {
    return PowersetForward<In>(regions, phrases, parameters, r2t, t2r, shape);
  });
}

/// Backward epilogue: replaces the similarities of a tile by their gradients.
template <class In>
class PowersetBackward {
  using T = Accumulator<In>;

 public:
  PowersetBackward(const Components<In>& regions, const Components<In>& phrases,
                   PowersetParameters<T> parameters, const T* grad_r2t, const T* grad_t2r,
                   const T* r2t, int64_t max_columns)
      : regions_(regions),
        phrases_(phrases),
        parameters_(parameters),
        grad_r2t_(grad_r2t),
        grad_t2r_(grad_t2r),
        r2t_(r2t),
        top_(padded<T>(max_columns)),
        through_r2t_(padded<T>(max_columns)),
        through_t2r_(padded<T>(max_columns)),
        kept_(regions.count * kLanes<T>) {}

  void operator()(T* tile, const Block& images, const Block& texts) const {
    const int64_t columns = texts.rows();
    for (int64_t image = images.first; image < images.last; ++image) {
      const int64_t count = regions_.valid(image);
      if (count == 0) continue;
      spread(image, texts);
      T* s = tile + (regions_.offsets[image] - images.begin) * columns;
      for (int64_t c = 0; c < columns; c += kLanes<T>) differentiate(s, count, columns, c);
    }
  }

 private:
  /// What belongs to a pair (image, text), written once per phrase of the text.
  void spread(int64_t image, const Block& texts) const {
    for (int64_t text = texts.first; text < texts.last; ++text) {
      const int64_t count = phrases_.valid(text), pair = image * phrases_.batch + text;
      const int64_t at = phrases_.offsets[text] - texts.begin;
      std::fill_n(top_.get() + at, count, r2t_[pair]);
      std::fill_n(through_r2t_.get() + at, count, grad_r2t_[pair] / 2);
      if (count > 0) std::fill_n(through_t2r_.get() + at, count, grad_t2r_[pair] / T(count));
    }
  }

  void differentiate(T* s, int64_t count, int64_t columns, int64_t c) const {
    // The first pass leaves e with the sign of s, which is all that the derivatives need.
    const auto sums =
        sum_regions(s + c, count, columns, parameters_.inverse_tau,
                    [&](int64_t m, Vector<T> value, Vector<T> e) {
                      store<T>(kept_.get() + m * kLanes<T>, signbit<T>(value) ? -e : e);
                    });
    const int64_t width = std::min(kLanes<T>, columns - c);
    const Vector<T> chosen =
        exp((sums.bracket(parameters_, count) - load(top_.get() + c)) * parameters_.inverse_tau);
    const Vector<T> through_r2t = load(through_r2t_.get() + c) * chosen;
    const Vector<T> through_t2r = load(through_t2r_.get() + c);
    for (int64_t m = 0; m < count; ++m) {
      const Vector<T> kept = load(kept_.get() + m * kLanes<T>);
      const auto negative = signbit<T>(kept);
      const Vector<T> e = abs<T>(kept);
      const Vector<T> sigmoid = 1 / (1 + e), tanh = (1 - e) * sigmoid;
      const Vector<T> gradient = through_r2t * (1 + parameters_.zeta * (negative ? -tanh : tanh)) +
                                 through_t2r * (negative ? e * sigmoid : sigmoid);
      store_first<T>(s + m * columns + c, flush_tiny<T>(gradient), width);
    }
  }

  const Components<In>&regions_, &phrases_;
  const PowersetParameters<T> parameters_;
  const T *const grad_r2t_, *const grad_t2r_, *const r2t_;
  Buffer<T> top_, through_r2t_, through_t2r_, kept_;
};

}  // namespace alignops

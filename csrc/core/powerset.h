// Powerset similarity by PowerCLIP's aggregators: the forward on panels of interleaved phrases, the
// backward as an epilogue of a tile of similarities between regions and phrases.
//
// Everything follows from e = exp(-|s| / tau), one exponential per similarity (see
// docs/ops/powerset.md). The sum over regions of a log1p is taken as the logarithm of a product,
// kept as q with 1 + q = prod (1 + h), so that one log1p per phrase suffices and tiny terms are not
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

/// cosh(x / 2) - 1 for 0 <= x < 1/2, by its series: terms x^(2n) / (4^n (2n)!).
template <class T>
inline Vector<T> cosh_of_half_minus_1(Vector<T> x) {
  constexpr double kDivisors[] = {8,          384,           46080,           10321920,
                                  3715891200, 1961990553600, 1428329123020800};
  const Vector<T> square = x * x;
  Vector<T> sum{};
  for (int n = sizeof(T) == 8 ? 7 : 3; n-- > 0;) {
    sum = (sum + static_cast<T>(1 / kDivisors[n])) * square;
  }
  return sum;
}

/// Sums over the regions of one image, a vector of phrases at a time. They are taken in blocks of
/// 64 regions: 64 factors, which double a product at most, stay far below the largest float, and
/// rounding errors grow with the length of a block and the number of blocks, not with their
/// product.
///
/// A similarity is near 0 where |s| < tau / 2. There tau logcosh(s / (2 tau)) is small beside |s|,
/// and tau softplus(s / tau) - s/2 - tau log 2 would cancel to it.
template <class T>
struct RegionSums {
  /// Add one region's similarities; returns their e.
  Vector<T> add(Vector<T> s, T inverse_tau) {
    const Vector<T> zero{}, one = zero + 1;
    const Vector<T> x = abs<T>(s) * inverse_tau, e = exp(-x);
    const auto near = x < T(0.5);
    block_.s += s;
    block_.upper += near ? s * T(0.5) : (s > zero ? s : zero);
    block_.near += near ? one : zero;
    block_.log += (near ? cosh_of_half_minus_1<T>(x) : e) * (block_.log + 1);
    if (++in_block_ == 64) close_block();
    return e;
  }

  /// To be called after the last add.
  void close_block() {
    sums_.s += block_.s;
    sums_.upper += block_.upper;
    sums_.near += block_.near;
    sums_.log += log1p(block_.log);
    block_ = {};
    in_block_ = 0;
  }

  /// sum of tau * softplus(s / tau)
  Vector<T> softplus(const PowersetParameters<T>& p) const {
    return sums_.upper + p.tau * (sums_.log + kLogTwo * sums_.near);
  }

  /// sum of s/2 + zeta * tau * logcosh(s / (2 tau))
  Vector<T> bracket(const PowersetParameters<T>& p, int64_t regions) const {
    const Vector<T> far = static_cast<T>(regions) - sums_.near;
    const Vector<T> excess = sums_.upper + p.tau * (sums_.log - kLogTwo * far);
    return p.zeta * excess + (1 - p.zeta) / 2 * sums_.s;
  }

 private:
  static constexpr T kLogTwo = static_cast<T>(0.69314718055994530942);

  struct Sums {
    // Of s, and of max(s, 0), which near 0 is s / 2; how many are near 0; the logarithm of the
    // product of the factors 1 + h, and in a block what that product exceeds 1 by.
    Vector<T> s{}, upper{}, near{}, log{};
  };
  Sums block_, sums_;
  int64_t in_block_ = 0;
};

/// The sums over the regions of one image, whose similarities with a vector of phrases start at s,
/// `stride` apart; keep(region, similarities, exponentials) sees each of them once it is read.
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
    Vector<T> softplus{}, top = Vector<T>{} + kMinusInfinity<T>;
    int64_t depth = 0;
    for (; depth < panel.depth() && j < panel.active(depth); ++depth) {
      const auto sums = sum_regions(s + panel.offsets[depth] + j, regions, tile_.stride(),
                                    parameters_.inverse_tau, [](int64_t, Vector<T>, Vector<T>) {});
      const int64_t width = panel.active(depth) - j;
      softplus += first_lanes(sums.softplus(parameters_), width, T(0));
      const Vector<T> bracket =
          first_lanes(sums.bracket(parameters_, regions), width, kMinusInfinity<T>);
      top = max<T>(top, bracket);
      store<T>(bracket_.get() + depth * kLanes<T>, bracket);
    }
    // The maximum passes over NaN; its exponential does not. Relative to an infinite one there is
    // none: inf - inf is NaN.
    Vector<T> total{};
    const Vector<T> shift = top - top == total ? top : total;
    for (int64_t l = 0; l < depth; ++l) {
      total += exp((load(bracket_.get() + l * kLanes<T>) - shift) * parameters_.inverse_tau);
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
                   int64_t max_columns)
      : regions_(regions),
        phrases_(phrases),
        parameters_(parameters),
        grad_r2t_(grad_r2t),
        grad_t2r_(grad_t2r),
        through_r2t_(max_columns + kLanes<T>),  // loads may read on behind its end
        through_t2r_(max_columns + kLanes<T>) {}

  void operator()(T* tile, const Block& images, const Block& texts) const {
    const int64_t columns = texts.rows();
    for (int64_t image = images.first; image < images.last; ++image) {
      const int64_t count = regions_.valid(image);
      if (count == 0) continue;
      T* s = tile + (regions_.offsets[image] - images.begin) * columns;
      for (int64_t c = 0; c < columns; c += kLanes<T>) reduce(s, count, columns, c);
      for (int64_t text = texts.first; text < texts.last; ++text) {
        weigh(image, text, phrases_.offsets[text] - texts.begin);
      }
      for (int64_t c = 0; c < columns; c += kLanes<T>) differentiate(s, count, columns, c);
    }
  }

 private:
  /// Leaves the brackets of columns [c, c + lanes) in through_r2t_, and in place of s the e with
  /// the sign of s, which is all that the derivatives need.
  void reduce(T* s, int64_t count, int64_t columns, int64_t c) const {
    const int64_t width = std::min(kLanes<T>, columns - c);
    const auto sums =
        sum_regions(s + c, count, columns, parameters_.inverse_tau,
                    [&](int64_t m, Vector<T> value, Vector<T> e) {
                      store_first<T>(s + m * columns + c, signbit<T>(value) ? -e : e, width);
                    });
    store<T>(through_r2t_.get() + c, sums.bracket(parameters_, count));
  }

  /// What belongs to a pair (image, text), whose phrases are columns from `at` on: replaces their
  /// brackets by what reaches them through r2t. Their softmax is of these very brackets, so that
  /// its sum is 1 however large their rounding errors are beside tau.
  void weigh(int64_t image, int64_t text, int64_t at) const {
    const int64_t count = phrases_.valid(text), pair = image * phrases_.batch + text;
    if (count == 0) return;
    T* bracket = through_r2t_.get() + at;
    const auto brackets = [&](int64_t l) {
      return first_lanes(load(bracket + l), count - l, kMinusInfinity<T>);
    };
    Vector<T> top = brackets(0), total{};
    for (int64_t l = kLanes<T>; l < count; l += kLanes<T>) top = max<T>(top, brackets(l));
    const T highest = max_lanes<T>(top);
    for (int64_t l = 0; l < count; l += kLanes<T>) {
      const Vector<T> weight = exp((brackets(l) - highest) * parameters_.inverse_tau);
      total += weight;
      store_first<T>(bracket + l, weight, std::min(kLanes<T>, count - l));
    }
    const T share = grad_r2t_[pair] / (2 * sum_lanes<T>(total));
    for (int64_t l = 0; l < count; ++l) bracket[l] *= share;
    std::fill_n(through_t2r_.get() + at, count, grad_t2r_[pair] / T(count));
  }

  void differentiate(T* s, int64_t count, int64_t columns, int64_t c) const {
    const int64_t width = std::min(kLanes<T>, columns - c);
    const Vector<T> through_r2t = load(through_r2t_.get() + c);
    const Vector<T> through_t2r = load(through_t2r_.get() + c);
    for (int64_t m = 0; m < count; ++m) {
      T* at = s + m * columns + c;
      const Vector<T> kept = load(at), e = abs<T>(kept);
      const auto negative = signbit<T>(kept);
      const Vector<T> sigmoid = 1 / (1 + e), tanh = (1 - e) * sigmoid;
      const Vector<T> gradient = through_r2t * (1 + parameters_.zeta * (negative ? -tanh : tanh)) +
                                 through_t2r * (negative ? e * sigmoid : sigmoid);
      store_first<T>(at, flush_tiny<T>(gradient), width);
    }
  }

  const Components<In>&regions_, &phrases_;
  const PowersetParameters<T> parameters_;
  const T *const grad_r2t_, *const grad_t2r_;
  Buffer<T> through_r2t_, through_t2r_;
};

}  // namespace alignops

// Powerset similarity by PowerCLIP's aggregators: epilogues of a tile of similarities between
// regions and phrases.
//
// Everything follows from e = exp(-|s| / tau), one exponential per similarity (see
// docs/ops/powerset.md). The sum over regions of log1p(e) is taken as the logarithm of a product,
// kept as q with 1 + q = prod (1 + e), so that one log1p per phrase suffices and tiny terms are not
// lost.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

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
    block_positive_ += s > zero ? s : zero;
    block_negative_ += s < zero ? s : zero;
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

/// The sums of one image over columns [column, column + lanes) of its rows; `keep(row, e)` sees
/// every exponential.
template <class T, class Keep>
inline RegionSums<T> sum_regions(const T* s, int64_t regions, int64_t columns, int64_t column,
                                 T inverse_tau, const Keep& keep) {
  RegionSums<T> sums;
  const int64_t width = std::min(kLanes<T>, columns - column);
  for (int64_t m = 0; m < regions; ++m) {
    const Vector<T> value = load_first(s + m * columns + column, width);
    keep(m, width, value, sums.add(value, inverse_tau));
  }
  sums.close_block();
  return sums;
}

/// tau * logsumexp(values / tau)
template <class T>
inline T smooth_max(const T* values, int64_t length, const PowersetParameters<T>& p) {
  T top = values[0];
  for (int64_t i = 1; i < length; ++i) {
    if (values[i] > top || values[i] != values[i]) top = values[i];
  }
  T sum = 0;
  for (int64_t i = 0; i < length; i += kLanes<T>) {
    const int64_t width = std::min(kLanes<T>, length - i);
    sum += sum_first<T>(exp((load_first(values + i, width) - top) * p.inverse_tau), width);
  }
  return top + p.tau * std::log(sum);
}

/// Forward epilogue: r2t and t2r (images x texts, zeroed where nothing is valid) from one tile.
template <class In>
class PowersetForward {
  using T = Accumulator<In>;

 public:
  PowersetForward(const Components<In>& regions, const Components<In>& phrases,
                  PowersetParameters<T> parameters, T* r2t, T* t2r, int64_t max_columns)
      : regions_(regions),
        phrases_(phrases),
        parameters_(parameters),
        r2t_(r2t),
        t2r_(t2r),
        softplus_(padded<T>(max_columns)),
        bracket_(padded<T>(max_columns)) {}

  void operator()(const T* tile, const Block& images, const Block& texts) const {
    const int64_t columns = texts.rows();
    for (int64_t image = images.first; image < images.last; ++image) {
      const int64_t count = regions_.valid(image);
      if (count == 0) continue;
      const T* s = tile + (regions_.offsets[image] - images.begin) * columns;
      for (int64_t c = 0; c < columns; c += kLanes<T>) {
        const auto sums = sum_regions(s, count, columns, c, parameters_.inverse_tau,
                                      [](int64_t, int64_t, Vector<T>, Vector<T>) {});
        store(softplus_.get() + c, sums.softplus(parameters_));
        store(bracket_.get() + c, sums.bracket(parameters_, count));
      }
      for (int64_t text = texts.first; text < texts.last; ++text) reduce(image, text, texts.begin);
    }
  }

 private:
  void reduce(int64_t image, int64_t text, int64_t begin) const {
    const int64_t count = phrases_.valid(text), at = phrases_.offsets[text] - begin;
    if (count == 0) return;
    T sum = 0;
    for (int64_t b = at; b < at + count; ++b) sum += softplus_[b];
    const int64_t pair = image * phrases_.batch + text;
    t2r_[pair] = sum / T(count);
    r2t_[pair] = smooth_max(bracket_.get() + at, count, parameters_);
  }

  const Components<In>&regions_, &phrases_;
  const PowersetParameters<T> parameters_;
  T *const r2t_, *const t2r_;
  Buffer<T> softplus_, bracket_;
};

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
        through_t2r_(padded<T>(max_columns)) {}

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
        sum_regions(s, count, columns, c, parameters_.inverse_tau,
                    [&](int64_t m, int64_t width, Vector<T> value, Vector<T> e) {
                      store_first<T>(s + m * columns + c, signbit<T>(value) ? -e : e, width);
                    });
    const int64_t width = std::min(kLanes<T>, columns - c);
    const Vector<T> chosen =
        exp((sums.bracket(parameters_, count) - load(top_.get() + c)) * parameters_.inverse_tau);
    const Vector<T> through_r2t = load(through_r2t_.get() + c) * chosen;
    const Vector<T> through_t2r = load(through_t2r_.get() + c);
    for (int64_t m = 0; m < count; ++m) {
      T* at = s + m * columns + c;
      const Vector<T> kept = load_first(at, width);
      const auto negative = signbit<T>(kept);
      const Vector<T> e = abs<T>(kept);
      const Vector<T> sigmoid = 1 / (1 + e), tanh = (1 - e) * sigmoid;
      const Vector<T> gradient = through_r2t * (1 + parameters_.zeta * (negative ? -tanh : tanh)) +
                                 through_t2r * (negative ? e * sigmoid : sigmoid);
      store_first<T>(at, flush_tiny<T>(gradient), width);
    }
  }

  const Components<In>&regions_, &phrases_;
  const PowersetParameters<T> parameters_;
  const T *const grad_r2t_, *const grad_t2r_, *const r2t_;
  Buffer<T> top_, through_r2t_, through_t2r_;
};

}  // namespace alignops

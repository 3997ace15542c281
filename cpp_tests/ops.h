// The ops of csrc/core behind one interface: forward, backward, and the definition in double.
//
// An op yields two arrays, `a` and `b`, and takes their gradients; gradients of the values come
// stored like the values.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/contrastive.h"
#include "core/exact_powerset.h"
#include "core/fgm_backward.h"
#include "core/fgm_forward.h"
#include "core/logsumexp.h"
#include "core/powerset.h"
#include "core/scan.h"
#include "plain_runtime.h"
#include "problem.h"

namespace alignops {

template <class T>
struct Outputs {
  std::vector<T> a, b;
};

template <class T>
struct Gradients {
  std::vector<T> x, y;
};

inline double log_sum_exp(const std::vector<double>& values) {
  const double top = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double value : values) sum += std::exp(value - top);
  return top + std::log(sum);
}

inline std::vector<double> column(const std::vector<std::vector<double>>& s, size_t l) {
  std::vector<double> result;
  for (const auto& row : s) result.push_back(row[l]);
  return result;
}

/// Fill `a` and `b` with the two numbers of score(s), or 0 for pairs without components.
template <class T, class Score>
Outputs<double> of_pairs(const Problem<T>& problem, const Score& score) {
  Outputs<double> result;
  for (int64_t i = 0; i < problem.x.batch; ++i) {
    for (int64_t j = 0; j < problem.y.batch; ++j) {
      const auto s = problem.similarities(i, j);
      const bool empty = s.empty() || s[0].empty();
      const std::pair<double, double> scores = empty ? std::pair(0.0, 0.0) : score(s);
      result.a.push_back(scores.first);
      result.b.push_back(scores.second);
    }
  }
  return result;
}

/// Scatter gradients of valid rows to the stored positions of their components.
template <class T>
std::vector<T> stored(const Components<T>& components, const std::vector<T>& rows) {
  std::vector<T> result(components.batch * components.count * components.dim);
  for (int64_t row = 0; row < components.rows(); ++row) {
    std::copy_n(rows.data() + row * components.dim, components.dim,
                result.data() + components.source(row) * components.dim);
  }
  return result;
}

/// Gather the values of valid components from their stored positions.
template <class T>
std::vector<T> of_rows(const Components<T>& components, const std::vector<T>& stored) {
  std::vector<T> result;
  for (int64_t row = 0; row < components.rows(); ++row) {
    result.push_back(stored[components.source(row)]);
  }
  return result;
}

/// The backward of a dense gradient, by two products.
template <class T, class MakeWeigh>
Gradients<T> dense_gradients(const Components<T>& x, const Components<T>& y, T scale,
                             const MakeWeigh& make_weigh) {
  std::vector<T> of_x(x.rows() * x.dim), of_y(y.rows() * y.dim);
  accumulate_gradients<PlainRuntime>(x, y, scale, make_weigh, of_x.data(), of_y.data());
  for (T& value : of_x) value *= scale;
  for (T& value : of_y) value *= scale;
  return {stored(x, of_x), stored(y, of_y)};
}

template <class T>
class Fgm {
 public:
  explicit Fgm(const Problem<T>& problem)
      : x_(problem.x.components()),
        y_(problem.y.components()),
        x_winners_(x_.batch * y_.batch * x_.count),
        y_winners_(x_.batch * y_.batch * y_.count) {}

  static Outputs<double> define(const Problem<T>& problem) {
    return of_pairs(problem, [](const auto& s) {
      double a = 0, b = 0;
      for (const auto& row : s) a += *std::max_element(row.begin(), row.end()) / s.size();
      for (size_t l = 0; l < s[0].size(); ++l) {
        const auto values = column(s, l);
        b += *std::max_element(values.begin(), values.end()) / s[0].size();
      }
      return std::pair(a, b);
    });
  }

  Outputs<T> forward() {
    std::vector<T> a(x_.batch * y_.batch), b(a.size());
    if (x_.rows() > 0 && y_.rows() > 0) {
      fgm_forward<PlainRuntime, true>(x_, y_, x_side(a.data()), y_side(b.data()));
    }
    return {a, b};
  }

  Gradients<T> backward(const Outputs<T>& grad) {
    Gradients<T> result{std::vector<T>(x_.batch * x_.count * x_.dim),
                        std::vector<T>(y_.batch * y_.count * y_.dim)};
    const auto x = x_side(grad.a.data()), y = y_side(grad.b.data());
    fgm_backward<PlainRuntime>(x_, y_, x, y, result.x.data());
    fgm_backward<PlainRuntime>(y_, x_, y, x, result.y.data());
    return result;
  }

 private:
  template <class Score>
  FgmSide<Score> x_side(Score* score) {
    return {score, {x_winners_.data(), 2}, y_.batch, 1};
  }
  template <class Score>
  FgmSide<Score> y_side(Score* score) {
    return {score, {y_winners_.data(), 2}, 1, y_.batch};
  }

  Components<T> x_, y_;
  std::vector<int16_t> x_winners_, y_winners_;
};

template <class T>
class Powerset {
 public:
  explicit Powerset(const Problem<T>& problem)
      : x_(problem.x.components()), y_(problem.y.components()), parameters_(kTau, kZeta) {}

  static Outputs<double> define(const Problem<T>& problem) {
    return of_pairs(problem, [](const auto& s) {
      std::vector<double> brackets;
      double softplus = 0;
      for (size_t l = 0; l < s[0].size(); ++l) {
        double bracket = 0;
        for (double value : column(s, l)) {
          bracket += value / 2 + kZeta * kTau * std::log(std::cosh(value / (2 * kTau)));
          softplus += kTau * std::log1p(std::exp(value / kTau)) / s[0].size();
        }
        brackets.push_back(bracket / kTau);
      }
      return std::pair(kTau * log_sum_exp(brackets), softplus);
    });
  }

  Outputs<T> forward() {
    std::vector<T> a(x_.batch * y_.batch), b(a.size());
    powerset_forward<PlainRuntime>(x_, y_, parameters_, a.data(), b.data());
    return {a, b};
  }

  Gradients<T> backward(const Outputs<T>& grad) {
    return dense_gradients(x_, y_, T(1), [&](int64_t columns) {
      return PowersetBackward<T>(x_, y_, parameters_, grad.a.data(), grad.b.data(), columns);
    });
  }

 private:
  static constexpr double kTau = 0.2, kZeta = 0.75;
  Components<T> x_, y_;
  PowersetParameters<T> parameters_;
};

template <class T>
class ExactPowerset {
 public:
  explicit ExactPowerset(const Problem<T>& problem)
      : x_(problem.x.components()), y_(problem.y.components()) {}

  static Outputs<double> define(const Problem<T>& problem) {
    return of_pairs(problem, [](const auto& s) {
      const size_t subsets = size_t(1) << s.size(), phrases = s[0].size();
      double best_phrases = 0, best_subsets = 0;
      for (size_t subset = 0; subset < subsets; ++subset) {
        std::vector<double> sums(phrases);
        for (size_t m = 0; m < s.size(); ++m) {
          for (size_t l = 0; l < phrases && (subset >> m & 1); ++l) sums[l] += s[m][l];
        }
        best_phrases += *std::max_element(sums.begin(), sums.end()) / subsets;
      }
      for (const auto& row : s) {
        for (double value : row) best_subsets += std::max(value, 0.0) / phrases;
      }
      return std::pair(best_phrases, best_subsets);
    });
  }

  Outputs<T> forward() {
    std::vector<T> a(x_.batch * y_.batch), b(a.size());
    exact_powerset_forward<PlainRuntime>(x_, y_, a.data(), b.data());
    return {a, b};
  }

  Gradients<T> backward(const Outputs<T>& grad) {
    return dense_gradients(x_, y_, T(1), [&](int64_t) {
      return ExactPowersetBackward<PlainRuntime, T>(x_, y_, grad.a.data(), grad.b.data());
    });
  }

 private:
  Components<T> x_, y_;
};

/// Logsumexp over all valid components of either side, whatever their sample.
template <class T>
class Logsumexp {
 public:
  explicit Logsumexp(const Problem<T>& problem)
      : x_(problem.x.components()), y_(problem.y.components()) {}

  static Outputs<double> define(const Problem<T>& problem) {
    std::vector<std::vector<double>> s;
    for (int64_t i = 0; i < problem.x.batch; ++i) {
      const size_t first = s.size();
      for (int64_t j = 0; j < problem.y.batch; ++j) {
        const auto part = problem.similarities(i, j);
        s.resize(first + part.size());
        for (size_t k = 0; k < part.size(); ++k) {
          for (double value : part[k]) s[first + k].push_back(kScale * value);
        }
      }
    }
    Outputs<double> result;
    for (const auto& row : s) result.a.push_back(log_sum_exp(row));
    for (size_t l = 0; !s.empty() && l < s[0].size(); ++l) {
      result.b.push_back(log_sum_exp(column(s, l)));
    }
    return result;
  }

  Outputs<T> forward() {
    const LogsumexpPartials<T> partials(x_, y_);
    for_each_tile<PlainRuntime>(x_, y_, T(kScale),
                                [&](int64_t columns) { return partials.epilogue(columns); });
    std::vector<T> row(x_.batch * x_.count), col(y_.batch * y_.count);
    partials.combine_into(row.data(), col.data());
    return saved_ = {of_rows(x_, row), of_rows(y_, col)};
  }

  Gradients<T> backward(const Outputs<T>& grad) {
    return dense_gradients(x_, y_, T(kScale), [&](int64_t max_columns) {
      return LogsumexpBackward<T>(grad.a.data(), grad.b.data(), saved_.a.data(), saved_.b.data(),
                                  max_columns);
    });
  }

 private:
  static constexpr double kScale = 5;
  Components<T> x_, y_;
  Outputs<T> saved_;
};

}  // namespace alignops

// Logsumexp over the rows and the columns of a scaled similarity matrix: epilogues of its tiles,
// which see to the scale.
//
// A tile leaves, for each of its rows and of its columns, a partial logsumexp as a maximum and a
// sum of exponentials relative to it. The partials of a row are combined in the order of the
// blocks, so the result is always the same. Where the values of a tile lie close together, as those
// of a contrastive loss do, one maximum serves all of it, and one exponential of a value both its
// row and its column, forward and backward.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

/// The least and the largest value of a tile; NaN does not count.
template <class T>
struct Range {
  T low, high;

  Range(const T* values, int64_t count) {
    Vector<T> lows = Vector<T>{} - kMinusInfinity<T>, highs = Vector<T>{} + kMinusInfinity<T>;
    const int64_t whole = count / kLanes<T> * kLanes<T>;
    for (int64_t i = 0; i < whole; i += kLanes<T>) {
      lows = min<T>(lows, load(values + i));
      highs = max<T>(highs, load(values + i));
    }
    low = min_lanes<T>(
        min<T>(lows, first_lanes(load(values + whole), count - whole, -kMinusInfinity<T>)));
    high = max_lanes<T>(
        max<T>(highs, first_lanes(load(values + whole), count - whole, kMinusInfinity<T>)));
  }

  Range times(T scale) const {
    Range result = *this;
    result.low = scale * (scale < 0 ? high : low);
    result.high = scale * (scale < 0 ? low : high);
    return result;
  }

  /// Whether exponentials relative to `high` can be added, and multiplied by the inverse of one
  /// another, far from the ends of what a float holds.
  bool close() const { return high - low <= 40; }
};

/// exp(top) * sum. An infinite or NaN maximum is kept in `sum`, as exp(inf - inf) would lose it.
template <class T>
struct PartialLogsumexp {
  T top, sum;
};

template <class T>
inline T finite_or_zero(T top) {
  return std::isfinite(top) ? top : T(0);
}

template <class T>
inline T combine(const PartialLogsumexp<T>* partials, int64_t count, int64_t stride) {
  T top = kMinusInfinity<T>, sum = 0;
  // A tile of nothing but -inf has the sum 0: its maximum says nothing.
  for (int64_t i = 0; i < count * stride; i += stride) {
    if (partials[i].sum != 0) top = std::max(top, partials[i].top);
  }
  for (int64_t i = 0; i < count * stride; i += stride) {
    if (partials[i].sum != 0) sum += partials[i].sum * std::exp(partials[i].top - top);
  }
  return top + std::log(sum);
}

/// Forward epilogue: the partials of one tile.
template <class T>
class LogsumexpForward {
 public:
  /// Partials are laid out block after block: row i in column block j is at rows[j * x_rows + i],
  /// and likewise.
  LogsumexpForward(T scale, PartialLogsumexp<T>* row_partials, PartialLogsumexp<T>* col_partials,
                   int64_t x_rows, int64_t y_rows, int64_t max_columns)
      : scale_(scale),
        row_partials_(row_partials),
        col_partials_(col_partials),
        x_rows_(x_rows),
        y_rows_(y_rows),
        top_(padded<T>(max_columns)),
        sum_(padded<T>(max_columns)) {}

  void operator()(const T* tile, const Block& xb, const Block& yb) const {
    const Range<T> range = Range<T>(tile, xb.rows() * yb.rows()).times(scale_);
    if (range.close()) {
      std::fill_n(top_.get(), yb.rows(), range.high);
      add_rows<true>(tile, xb, yb, [&](const T*) { return range.high; });
    } else {
      find_tops(tile, xb.rows(), yb.rows());
      add_rows<false>(tile, xb, yb, [&](const T* s) { return top_of_row(s, yb.rows()); });
    }
  }

 private:
  void find_tops(const T* tile, int64_t rows, int64_t columns) const {
    std::fill_n(top_.get(), columns, kMinusInfinity<T>);
    for (int64_t i = 0; i < rows; ++i) {
      const T* s = tile + i * columns;
      for (int64_t j = 0; j < columns; ++j) {
        const T value = scale_ * s[j];
        top_[j] = value > top_[j] ? value : top_[j];
      }
    }
    for (int64_t j = 0; j < columns; ++j) top_[j] = finite_or_zero(top_[j]);
  }

  T top_of_row(const T* s, int64_t columns) const {
    Vector<T> tops = Vector<T>{} + kMinusInfinity<T>;
    for (int64_t j = 0; j < columns; j += kLanes<T>) {
      tops = max<T>(tops, first_lanes<T>(scale_ * load(s + j), columns - j, kMinusInfinity<T>));
    }
    return finite_or_zero(max_lanes<T>(tops));
  }

  /// kShared: the tops of all rows and columns are the same.
  template <bool kShared, class TopOf>
  void add_rows(const T* tile, const Block& xb, const Block& yb, const TopOf& top_of) const {
    const int64_t columns = yb.rows();
    std::fill_n(sum_.get(), padded<T>(columns), T(0));
    PartialLogsumexp<T>* rows = row_partials_ + yb.index * x_rows_ + xb.begin;
    for (int64_t i = 0; i < xb.rows(); ++i) {
      const T* s = tile + i * columns;
      rows[i] = add_row<kShared>(s, columns, top_of(s));
    }
    PartialLogsumexp<T>* cols = col_partials_ + xb.index * y_rows_ + yb.begin;
    for (int64_t j = 0; j < columns; ++j) cols[j] = {top_[j], sum_[j]};
  }

  /// Of the last vector, the lanes behind the row mean nothing: they are kept out of the row's
  /// sum, and end in those of `sum_` that nobody reads.
  template <bool kShared>
  PartialLogsumexp<T> add_row(const T* s, int64_t columns, T top) const {
    Vector<T> sums{};
    const auto add = [&](int64_t j) {
      const Vector<T> value = scale_ * load(s + j), of_row = exp(value - top);
      const Vector<T> of_column = kShared ? of_row : exp(value - load(top_.get() + j));
      store<T>(sum_.get() + j, load(sum_.get() + j) + of_column);
      return of_row;
    };
    int64_t j = 0;
    for (; j + kLanes<T> <= columns; j += kLanes<T>) sums += add(j);
    if (j < columns) sums += first_lanes(add(j), columns - j, T(0));
    return {top, sum_lanes<T>(sums)};
  }

  const T scale_;
  PartialLogsumexp<T>*const row_partials_, *const col_partials_;
  const int64_t x_rows_, y_rows_;
  Buffer<T> top_, sum_;
};

/// The partials of all tiles of a problem: its denominators in the making.
template <class In>
class LogsumexpPartials {
  using T = Accumulator<In>;

 public:
  LogsumexpPartials(const Components<In>& x, const Components<In>& y, T scale)
      : x_(x),
        y_(y),
        scale_(scale),
        x_blocks_(tile_blocks(x).size()),
        y_blocks_(tile_blocks(y).size()),
        rows_(y_blocks_ * x.rows()),
        cols_(x_blocks_ * y.rows()) {}

  LogsumexpForward<T> epilogue(int64_t max_columns) const {
    return {scale_, rows_.get(), cols_.get(), x_.rows(), y_.rows(), max_columns};
  }

  /// Write those of all valid rows and columns where their components are stored.
  void combine_into(T* row, T* col) const {
    for (int64_t i = 0; i < x_.rows(); ++i) {
      row[x_.source(i)] = combine(rows_.get() + i, y_blocks_, x_.rows());
    }
    for (int64_t j = 0; j < y_.rows(); ++j) {
      col[y_.source(j)] = combine(cols_.get() + j, x_blocks_, y_.rows());
    }
  }

 private:
  const Components<In>&x_, &y_;
  const T scale_;
  const int64_t x_blocks_, y_blocks_;
  const Buffer<PartialLogsumexp<T>> rows_, cols_;
};

/// The gradient of the scale, a part per tile, which are added up in the order of the tiles.
class ScaleGradient {
 public:
  template <class In>
  ScaleGradient(const Components<In>& x, const Components<In>& y)
      : y_blocks_(tile_blocks(y).size()), of_tiles_(tile_blocks(x).size() * y_blocks_) {}

  double& of_tile(const Block& xb, const Block& yb) {
    return of_tiles_[xb.index * y_blocks_ + yb.index];
  }
  double sum() const { return std::accumulate(of_tiles_.begin(), of_tiles_.end(), 0.0); }

 private:
  const int64_t y_blocks_;
  std::vector<double> of_tiles_;
};

/// Backward epilogue: grad_row * softmax over the row + grad_col * softmax over the column, in
/// place of the similarities; their product with these is the scale's gradient.
template <class T>
class LogsumexpBackward {
 public:
  /// All four arrays are indexed by row of valid components.
  LogsumexpBackward(const T* grad_row, const T* grad_col, const T* row, const T* col, T scale,
                    ScaleGradient& grad_scale, int64_t max_columns)
      : grad_row_(grad_row),
        grad_col_(grad_col),
        row_(row),
        col_(col),
        scale_(scale),
        grad_scale_(grad_scale),
        share_(max_columns) {}

  void operator()(T* tile, const Block& xb, const Block& yb) const {
    const Range<T> range = Range<T>(tile, xb.rows() * yb.rows()).times(scale_);
    const bool close = range.close() && moderate(grad_row_, xb) && moderate(grad_col_, yb);
    close ? weigh_close(tile, xb, yb, range.high) : weigh(tile, xb, yb);
  }

 private:
  /// Whether gradients times exp(40), as weigh_close has them on its way, are far from infinity.
  static bool moderate(const T* grad, const Block& block) {
    constexpr T kLargest = std::numeric_limits<T>::max() * T(1e-18);
    bool result = true;
    for (int64_t i = block.begin; i < block.end; ++i) result &= std::abs(grad[i]) <= kLargest;
    return result;
  }

  /// grad_row exp(s - row) + grad_col exp(s - col), as exp(s - top) times what row and column have
  /// of it.
  void weigh_close(T* tile, const Block& xb, const Block& yb, T top) const {
    for (int64_t j = 0; j < yb.rows(); ++j) {
      share_[j] = grad_col_[yb.begin + j] * std::exp(top - col_[yb.begin + j]);
    }
    for_each_vector(tile, xb, yb, [&](int64_t i) {
      const T of_row = grad_row_[i] * std::exp(top - row_[i]);
      return [=, this](int64_t j, int64_t width, Vector<T> value) {
        return exp(value - top) * (of_row + load_first(share_.get() + j, width));
      };
    });
  }

  void weigh(T* tile, const Block& xb, const Block& yb) const {
    const T *grad_col = grad_col_ + yb.begin, *col = col_ + yb.begin;
    for_each_vector(tile, xb, yb, [&](int64_t i) {
      const T grad_row = grad_row_[i], row = row_[i];
      return [=](int64_t j, int64_t width, Vector<T> value) {
        return grad_row * exp(value - row) +
               load_first(grad_col + j, width) * exp(value - load_first(col + j, width));
      };
    });
  }

  /// Put of_row(i)(j, width, scale * s) in place of s, a vector of row i's values at a time.
  template <class OfRow>
  void for_each_vector(T* tile, const Block& xb, const Block& yb, const OfRow& of_row) const {
    const int64_t columns = yb.rows();
    double total = 0;
    for (int64_t i = xb.begin; i < xb.end; ++i, tile += columns) {
      const auto gradient = of_row(i);
      Vector<T> sum{};
      const auto weigh = [&](int64_t j, int64_t width, Vector<T> s) {
        const Vector<T> weight = flush_tiny<T>(gradient(j, width, scale_ * s));
        // What has no weight adds nothing, if it is infinite either.
        sum += weight == Vector<T>{} ? Vector<T>{} : weight * s;
        return weight;
      };
      int64_t j = 0;
      for (; j + kLanes<T> <= columns; j += kLanes<T>) {
        store<T>(tile + j, weigh(j, kLanes<T>, load(tile + j)));
      }
      if (const int64_t width = columns - j; width > 0) {
        store_first<T>(tile + j, weigh(j, width, load_first(tile + j, width)), width);
      }
      total += sum_lanes<T>(sum);
    }
    grad_scale_.of_tile(xb, yb) = total;
  }

  const T *const grad_row_, *const grad_col_, *const row_, *const col_;
  const T scale_;
  ScaleGradient& grad_scale_;
  Buffer<T> share_;
};

}  // namespace alignops

// Logsumexp over the rows and the columns of a similarity matrix: epilogues of its tiles.
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

#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

/// The least and the largest value of a tile; NaN does not count.
template <class T>
struct Range {
  T low, high;

  Range(const T* values, int64_t count) {
    Vector<T> lows = Vector<T>{} - kLowest<T>, highs = Vector<T>{} + kLowest<T>;
    const int64_t whole = count / kLanes<T> * kLanes<T>;
    for (int64_t i = 0; i < whole; i += kLanes<T>) {
      lows = min<T>(lows, load(values + i));
      highs = max<T>(highs, load(values + i));
    }
    low = min_lanes<T>(min<T>(lows, first_lanes(load(values + whole), count - whole, -kLowest<T>)));
    high =
        max_lanes<T>(max<T>(highs, first_lanes(load(values + whole), count - whole, kLowest<T>)));
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
  T top = kLowest<T>, sum = 0;
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
  LogsumexpForward(PartialLogsumexp<T>* row_partials, PartialLogsumexp<T>* col_partials,
                   int64_t x_rows, int64_t y_rows, int64_t max_columns)
      : row_partials_(row_partials),
        col_partials_(col_partials),
        x_rows_(x_rows),
        y_rows_(y_rows),
        top_(padded<T>(max_columns)),
        sum_(padded<T>(max_columns)) {}

  void operator()(const T* tile, const Block& xb, const Block& yb) const {
    const Range<T> range(tile, xb.rows() * yb.rows());
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
    std::fill_n(top_.get(), columns, kLowest<T>);
    for (int64_t i = 0; i < rows; ++i) {
      const T* s = tile + i * columns;
      for (int64_t j = 0; j < columns; ++j) top_[j] = s[j] > top_[j] ? s[j] : top_[j];
    }
    for (int64_t j = 0; j < columns; ++j) top_[j] = finite_or_zero(top_[j]);
  }

  static T top_of_row(const T* s, int64_t columns) {
    Vector<T> tops = Vector<T>{} + kLowest<T>;
    for (int64_t j = 0; j < columns; j += kLanes<T>) {
      tops = max<T>(tops, first_lanes(load(s + j), columns - j, kLowest<T>));
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
      const Vector<T> value = load(s + j), of_row = exp(value - top);
      const Vector<T> of_column = kShared ? of_row : exp(value - load(top_.get() + j));
      store<T>(sum_.get() + j, load(sum_.get() + j) + of_column);
      return of_row;
    };
    int64_t j = 0;
    for (; j + kLanes<T> <= columns; j += kLanes<T>) sums += add(j);
    if (j < columns) sums += first_lanes(add(j), columns - j, T(0));
    return {top, sum_lanes<T>(sums)};
  }

  PartialLogsumexp<T>*const row_partials_, *const col_partials_;
  const int64_t x_rows_, y_rows_;
  Buffer<T> top_, sum_;
};

/// The partials of all tiles of a problem: its denominators in the making.
template <class In>
class LogsumexpPartials {
  using T = Accumulator<In>;

 public:
  LogsumexpPartials(const Components<In>& x, const Components<In>& y)
      : x_(x),
        y_(y),
        x_blocks_(tile_blocks(x).size()),
        y_blocks_(tile_blocks(y).size()),
        rows_(y_blocks_ * x.rows()),
        cols_(x_blocks_ * y.rows()) {}

  LogsumexpForward<T> epilogue(int64_t max_columns) const {
    return {rows_.get(), cols_.get(), x_.rows(), y_.rows(), max_columns};
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
  const int64_t x_blocks_, y_blocks_;
  const Buffer<PartialLogsumexp<T>> rows_, cols_;
};

/// The sum over rows of <gradient, row>, which is the gradient of scale before the gradient takes
/// the scale itself.
template <class In>
double inner_product(const Components<In>& components, const Accumulator<In>* gradient) {
  double sum = 0;
  for (int64_t row = 0; row < components.rows(); ++row) {
    const In* in = components.data + components.source(row) * components.dim;
    const Accumulator<In>* grad = gradient + row * components.dim;
    for (int64_t d = 0; d < components.dim; ++d) {
      sum += static_cast<double>(grad[d]) * static_cast<Accumulator<In>>(in[d]);
    }
  }
  return sum;
}

/// Backward epilogue: grad_row * softmax over the row + grad_col * softmax over the column, in
/// place of s.
template <class T>
class LogsumexpBackward {
 public:
  /// All four arrays are indexed by row of valid components.
  LogsumexpBackward(const T* grad_row, const T* grad_col, const T* row, const T* col,
                    int64_t max_columns)
      : grad_row_(grad_row), grad_col_(grad_col), row_(row), col_(col), share_(max_columns) {}

  void operator()(T* tile, const Block& xb, const Block& yb) const {
    const Range<T> range(tile, xb.rows() * yb.rows());
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

  /// Put of_row(i)(j, width, s) in place of s, a vector of row i's values at a time.
  template <class OfRow>
  void for_each_vector(T* tile, const Block& xb, const Block& yb, const OfRow& of_row) const {
    const int64_t columns = yb.rows();
    for (int64_t i = xb.begin; i < xb.end; ++i, tile += columns) {
      const auto gradient = of_row(i);
      int64_t j = 0;
      for (; j + kLanes<T> <= columns; j += kLanes<T>) {
        store<T>(tile + j, flush_tiny<T>(gradient(j, kLanes<T>, load(tile + j))));
      }
      if (const int64_t width = columns - j; width > 0) {
        const Vector<T> value = gradient(j, width, load_first(tile + j, width));
        store_first<T>(tile + j, flush_tiny<T>(value), width);
      }
    }
  }

  const T *const grad_row_, *const grad_col_, *const row_, *const col_;
  Buffer<T> share_;
};

}  // namespace alignops

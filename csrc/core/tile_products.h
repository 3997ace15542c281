// The matrix products of a tile: the similarities of two blocks and, from the gradients W that take
// their place, W y and W^T x. By the Runtime's BLAS, but by our own product where bfloat16 is
// multiplied in pairs.
#pragma once

#include <algorithm>
#include <type_traits>

#include "core/components.h"
#include "core/matrix.h"
#include "core/product.h"
#include "core/vector.h"

namespace alignops {

template <class Runtime, class In>
class BlasProducts {
  using T = Accumulator<In>;

 public:
  /// For blocks of at most so many rows.
  BlasProducts(const Components<In>& x, const Components<In>& y, int64_t x_rows, int64_t y_rows)
      : x_(x),
        y_(y),
        tile_(x_rows * y_rows + kLanes<T>),  // loads may read on behind its end
        x_buffer_(x_rows * x.dim),
        y_buffer_(y_rows * x.dim) {}

  /// <x, y> of two blocks, row-major, in a tile that is the caller's to change.
  T* similarities(const Block& xb, const Block& yb) {
    xs_ = x_.load(xb.begin, xb.end, x_.dim, x_buffer_.get());
    ys_ = y_.load(yb.begin, yb.end, x_.dim, y_buffer_.get());
    Runtime::gemm(T(1), Matrix<const T>(xs_, xb.rows(), x_.dim),
                  Matrix<const T>(ys_, yb.rows(), x_.dim).transposed(), T(0), tile<T>(xb, yb));
    return tile_.get();
  }

  /// W y of the tile as it is now to the rows of grad_x, added to what is there if `add`.
  void sum_of_y(const Block& xb, const Block& yb, bool add, T* grad_x) const {
    Runtime::gemm(T(1), tile<const T>(xb, yb), Matrix<const T>(ys_, yb.rows(), x_.dim), T(add),
                  Matrix<T>(grad_x + xb.begin * x_.dim, xb.rows(), x_.dim));
  }

  /// W^T x to the rows of grad_y, likewise.
  void sum_of_x(const Block& xb, const Block& yb, bool add, T* grad_y) const {
    Runtime::gemm(T(1), tile<const T>(xb, yb).transposed(), Matrix<const T>(xs_, xb.rows(), x_.dim),
                  T(add), Matrix<T>(grad_y + yb.begin * x_.dim, yb.rows(), x_.dim));
  }

 private:
  template <class Value>
  Matrix<Value> tile(const Block& xb, const Block& yb) const {
    return {tile_.get(), xb.rows(), yb.rows()};
  }

  const Components<In>&x_, &y_;
  Buffer<T> tile_, x_buffer_, y_buffer_;
  const T *xs_ = nullptr, *ys_ = nullptr;  // of the blocks in the tile
};

/// The same on pairs of bfloat16, with sums in float. The weights of a gradient are rounded to
/// bfloat16, as autograd in that type rounds them.
class PairProducts {
 public:
  PairProducts(const Components<BFloat16>& x, const Components<BFloat16>& y, int64_t x_rows,
               int64_t y_rows)
      : x_(x),
        y_(y),
        length_(whole_factors<BFloat16>(x.dim)),
        tile_(x_rows * y_rows + kLanes<float>),  // loads may read on behind its end
        rows_(std::max({x_rows * length_, x_rows * whole_factors<BFloat16>(y_rows),
                        y_rows * whole_factors<BFloat16>(x_rows)})),
        packed_(std::max(packed_size<BFloat16>(y_rows, length_),
                         packed_size<BFloat16>(x.dim, std::max(x_rows, y_rows)))) {}

  float* similarities(const Block& xb, const Block& yb) {
    if (packed_block_ != yb.index) {
      pack_columns<BFloat16>(y_, [&](int64_t c) { return yb.begin + c; }, yb.rows(), packed_.get());
      packed_block_ = yb.index;
    }
    float* const tile = tile_.get();
    const int64_t columns = yb.rows();
    multiply(x_.load(xb.begin, xb.end, length_, rows_.get()), xb.rows(), length_, packed_.get(),
             columns, [=](int64_t row, int64_t c, Vector<float> sum) {
               store_first<float>(tile + row * columns + c, sum, lanes_of(columns - c));
             });
    return tile;
  }

  void sum_of_y(const Block& xb, const Block& yb, bool add, float* grad_x) {
    const int64_t columns = yb.rows(), length = whole_factors<BFloat16>(columns);
    for (int64_t i = 0; i < xb.rows(); ++i) {
      const float* from = tile_.get() + i * columns;
      BFloat16* to = rows_.get() + i * length;
      for (int64_t j = 0; j < columns; j += kLanes<float>) {
        store_rounded(to + j, load(from + j), lanes_of(columns - j));
      }
      std::fill(to + columns, to + length, BFloat16(0));
    }
    sum_up(y_, yb, xb.rows(), add, grad_x + xb.begin * x_.dim);
  }

  void sum_of_x(const Block& xb, const Block& yb, bool add, float* grad_y) {
    transpose_weights(xb.rows(), yb.rows());
    sum_up(x_, xb, yb.rows(), add, grad_y + yb.begin * x_.dim);
  }

 private:
  static int64_t lanes_of(int64_t columns) { return std::min(columns, kLanes<float>); }

  /// W^T in bfloat16, a square of values at a time.
  void transpose_weights(int64_t rows, int64_t columns) const {
    const int64_t length = whole_factors<BFloat16>(rows);
    for (int64_t j = 0; j < columns; j += kLanes<float>) {
      for (int64_t i = 0; i < length; i += kLanes<float>) {
        Vector<float> square[kLanes<float>]{};
        for (int64_t r = 0; r < lanes_of(rows - i); ++r) {
          square[r] = load(tile_.get() + (i + r) * columns + j);
        }
        transpose<float>(square);
        for (int64_t c = 0; c < lanes_of(columns - j); ++c) {
          store_rounded(rows_.get() + (j + c) * length + i, square[c], lanes_of(length - i));
        }
      }
    }
  }

  /// Weights, which lie in rows_, with the embeddings of a block.
  void sum_up(const Components<BFloat16>& components, const Block& block, int64_t rows, bool add,
              float* out) {
    const int64_t dim = components.dim;
    packed_block_ = -1;
    pack_rows(components, block.begin, block.end, packed_.get());
    multiply(rows_.get(), rows, whole_factors<BFloat16>(block.rows()), packed_.get(), dim,
             [=](int64_t row, int64_t d, Vector<float> sum) {
               float* const to = out + row * dim + d;
               const int64_t width = lanes_of(dim - d);
               store_first<float>(to, add ? load_first(to, width) + sum : sum, width);
             });
  }

  const Components<BFloat16>&x_, &y_;
  const int64_t length_;
  int64_t packed_block_ = -1;  // of y, whose columns packed_ holds; -1: none
  Buffer<float> tile_;
  Buffer<BFloat16> rows_;
  Buffer<BFloat16Pair> packed_;
};

template <class Runtime, class In>
using TileProducts = std::conditional_t<std::is_same_v<Operand<In>, BFloat16>, PairProducts,
                                        BlasProducts<Runtime, In>>;

}  // namespace alignops

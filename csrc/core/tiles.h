// The tile engine: cuts two batches of components into blocks, has the similarities of a block pair
// computed into a buffer that a worker reuses, and hands them to an op's epilogue. A tile lives as
// long as one call of the epilogue.
//
// The Runtime, given by the caller, has three functions and a class, so that nothing here knows a
// BLAS or a thread pool:
//   gemm(alpha, A, B, beta, C): C = alpha * A B + beta * C on Matrix views;
//   threads(): how many a pool has;
//   poll(): to be called now and then by a task that may last; throws when the call is to end;
//   Pool(make_worker).run(first, last): calls worker(task) for each task of the range, each thread
//   on a worker of its own that lasts as long as the pool.
// No result depends on the number of threads. Nor do the blocks, unless an op's results are the
// same for any.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "core/components.h"
#include "core/vector.h"

namespace alignops {

template <class T>
struct Matrix {
  T* data;
  int64_t rows, cols, row_stride, col_stride;

  Matrix(T* data, int64_t rows, int64_t cols)
      : data(data), rows(rows), cols(cols), row_stride(cols), col_stride(1) {}

  Matrix transposed() const {
    Matrix result(data, cols, rows);
    result.row_stride = col_stride;
    result.col_stride = row_stride;
    return result;
  }
};

/// Uninitialised memory aligned for any vector.
template <class T>
class Buffer {
 public:
  explicit Buffer(int64_t size)
      : data_(static_cast<T*>(::operator new(std::max<int64_t>(size, 1) * sizeof(T), kAlignment))) {
  }
  T* get() const { return data_.get(); }
  T& operator[](int64_t i) const { return data_.get()[i]; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<T, Free> data_;
};

/// Block `index` of a batch: consecutive samples [first, last) and their rows [begin, end).
struct Block {
  int64_t index, first, last, begin, end;
  int64_t rows() const { return end - begin; }
};

// A tile of 512 x 512 floats takes 1 MiB, a second-level cache: smaller ones cost the matrix
// product more in packing than a larger one costs its epilogue in misses.
constexpr int64_t kTileRows = 512;
// Blocks are made at least this many where the rows allow, so that a few threads find equal work.
constexpr int64_t kMinBlocks = 4;
constexpr int64_t kMinBlockRows = 128;

/// Cut the samples into blocks of whole samples, each of at most `target` rows where a sample
/// allows.
template <class In>
std::vector<Block> blocks_of(const Components<In>& components, int64_t target) {
  std::vector<Block> blocks;
  for (int64_t sample = 0; sample < components.batch;) {
    const int64_t begin = components.offsets[sample];
    Block block{static_cast<int64_t>(blocks.size()), sample, sample, begin, begin};
    while (block.last < components.batch &&
           (block.rows() == 0 || components.offsets[block.last + 1] - block.begin <= target)) {
      block.end = components.offsets[++block.last];
    }
    sample = block.last;
    if (block.rows() > 0) blocks.push_back(block);
  }
  return blocks;
}

/// About `wanted` blocks of about equal size.
template <class In>
std::vector<Block> even_blocks_of(const Components<In>& components, int64_t wanted) {
  return blocks_of(components, (components.rows() + wanted - 1) / std::max<int64_t>(wanted, 1));
}

/// The blocks that make tiles: of about equal size, at most kTileRows rows where a sample allows.
template <class In>
std::vector<Block> tile_blocks(const Components<In>& components) {
  const int64_t rows = components.rows();
  int64_t wanted = (rows + kTileRows - 1) / kTileRows;
  wanted = std::max(wanted, std::min(kMinBlocks, rows / kMinBlockRows));
  return even_blocks_of(components, wanted);
}

inline int64_t largest(const std::vector<Block>& blocks) {
  int64_t rows = 0;
  for (const Block& block : blocks) rows = std::max(rows, block.rows());
  return rows;
}

/// Scratch of one worker: a tile, and room for the two blocks of rows behind it.
template <class In>
struct TileScratch {
  using T = Accumulator<In>;
  Buffer<T> tile, x, y;

  TileScratch(int64_t x_rows, int64_t y_rows, int64_t dim)
      : tile(x_rows * y_rows + kLanes<T>),  // loads may read on behind its end
        x(x_rows * dim),
        y(y_rows * dim) {}
};

/// Forward of an op that reduces a tile at a time: epilogue(tile, x_block, y_block) once for every
/// pair of blocks, in any order. The tile holds scale * <x, y>, row-major.
template <class Runtime, class In, class MakeEpilogue>
void for_each_tile(const Components<In>& x, const Components<In>& y, Accumulator<In> scale,
                   const MakeEpilogue& make_epilogue) {
  using T = Accumulator<In>;
  const auto x_blocks = tile_blocks(x), y_blocks = tile_blocks(y);
  const int64_t x_rows = largest(x_blocks), y_rows = largest(y_blocks), columns = y_blocks.size();
  const auto make_worker = [&] {
    return [&, scratch = TileScratch<In>(x_rows, y_rows, x.dim),
            epilogue = make_epilogue(y_rows)](int64_t task) mutable {
      const Block &xb = x_blocks[task / columns], &yb = y_blocks[task % columns];
      const T* xs = x.load(xb.begin, xb.end, scratch.x.get());
      const T* ys = y.load(yb.begin, yb.end, scratch.y.get());
      T* tile = scratch.tile.get();
      Runtime::gemm(scale, Matrix<const T>(xs, xb.rows(), x.dim),
                    Matrix<const T>(ys, yb.rows(), x.dim).transposed(), T(0),
                    Matrix<T>(tile, xb.rows(), yb.rows()));
      epilogue(tile, xb, yb);
    };
  };
  typename Runtime::template Pool<decltype(make_worker)>(make_worker)
      .run(0, x_blocks.size() * columns);
}

/// Backward of an op with a dense gradient: recompute each tile, let weigh(tile, x_block, y_block)
/// replace the similarities by their gradients, and sum W y in grad_x and W^T x in grad_y (rows of
/// valid components; what they held before is not read).
///
/// Tiles are taken by diagonals: no two of a diagonal share a row or a column block, so they run at
/// the same time without conflict, and each gradient row is summed in an order that the problem
/// alone fixes.
template <class Runtime, class In, class MakeWeigh>
void accumulate_gradients(const Components<In>& x, const Components<In>& y, Accumulator<In> scale,
                          const MakeWeigh& make_weigh, Accumulator<In>* grad_x,
                          Accumulator<In>* grad_y) {
  using T = Accumulator<In>;
  const auto x_blocks = tile_blocks(x), y_blocks = tile_blocks(y);
  const int64_t x_rows = largest(x_blocks), y_rows = largest(y_blocks);
  const int64_t x_count = x_blocks.size(), y_count = y_blocks.size();
  const int64_t shorter = std::min(x_count, y_count), longer = std::max(x_count, y_count);
  if (shorter == 0) {
    std::fill_n(grad_x, x.rows() * x.dim, T(0));
    std::fill_n(grad_y, y.rows() * x.dim, T(0));
    return;
  }
  // What is kept of a block's gradients when the next product is added: nothing at first.
  std::vector<T> x_kept(x_count, T(0)), y_kept(y_count, T(0));
  const auto make_worker = [&] {
    return [&, scratch = TileScratch<In>(x_rows, y_rows, x.dim),
            weigh = make_weigh(y_rows)](int64_t task) mutable {
      const int64_t diagonal = task / shorter, one = task % shorter,
                    other = (one + diagonal) % longer;
      const Block& xb = x_blocks[x_count <= y_count ? one : other];
      const Block& yb = y_blocks[x_count <= y_count ? other : one];
      const T* xs = x.load(xb.begin, xb.end, scratch.x.get());
      const T* ys = y.load(yb.begin, yb.end, scratch.y.get());
      const Matrix<const T> xm(xs, xb.rows(), x.dim), ym(ys, yb.rows(), x.dim);
      Matrix<T> tile(scratch.tile.get(), xb.rows(), yb.rows());
      Runtime::gemm(scale, xm, ym.transposed(), T(0), tile);
      weigh(tile.data, xb, yb);
      const Matrix<const T> weights(tile.data, tile.rows, tile.cols);
      Runtime::gemm(T(1), weights, ym, std::exchange(x_kept[xb.index], T(1)),
                    Matrix<T>(grad_x + xb.begin * x.dim, xb.rows(), x.dim));
      Runtime::gemm(T(1), weights.transposed(), xm, std::exchange(y_kept[yb.index], T(1)),
                    Matrix<T>(grad_y + yb.begin * x.dim, yb.rows(), x.dim));
    };
  };
  typename Runtime::template Pool<decltype(make_worker)> pool(make_worker);
  for (int64_t diagonal = 0; diagonal < longer; ++diagonal) {
    pool.run(diagonal * shorter, (diagonal + 1) * shorter);
  }
}

}  // namespace alignops

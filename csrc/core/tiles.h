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
#include <utility>
#include <vector>

#include "core/components.h"
#include "core/tile_products.h"

namespace alignops {

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

/// The blocks that make tiles: of about equal size, whole vectors of rows and at most kTileRows
/// where a sample allows.
template <class In>
std::vector<Block> tile_blocks(const Components<In>& components) {
  const int64_t rows = components.rows();
  int64_t wanted = (rows + kTileRows - 1) / kTileRows;
  wanted = std::max(wanted, std::min(kMinBlocks, rows / kMinBlockRows));
  return blocks_of(components, padded<float>((rows + wanted - 1) / std::max<int64_t>(wanted, 1)));
}

inline int64_t largest(const std::vector<Block>& blocks) {
  int64_t rows = 0;
  for (const Block& block : blocks) rows = std::max(rows, block.rows());
  return rows;
}

/// Forward of an op that reduces a tile at a time: epilogue(tile, x_block, y_block) once for every
/// pair of blocks, in any order. The tile holds <x, y>, row-major.
template <class Runtime, class In, class MakeEpilogue>
void for_each_tile(const Components<In>& x, const Components<In>& y,
                   const MakeEpilogue& make_epilogue) {
  const auto x_blocks = tile_blocks(x), y_blocks = tile_blocks(y);
  const int64_t x_rows = largest(x_blocks), y_rows = largest(y_blocks), x_count = x_blocks.size();
  const auto make_worker = [&] {
    return [&, products = TileProducts<Runtime, In>(x, y, x_rows, y_rows),
            epilogue = make_epilogue(y_rows)](int64_t task) mutable {
      // Tiles of one y block follow each other: what is made of it serves all of them.
      const Block &xb = x_blocks[task % x_count], &yb = y_blocks[task / x_count];
      epilogue(products.similarities(xb, yb), xb, yb);
    };
  };
  typename Runtime::template Pool<decltype(make_worker)>(make_worker)
      .run(0, x_count * y_blocks.size());
}

/// Backward of an op with a dense gradient: recompute each tile, let weigh(tile, x_block, y_block)
/// replace the similarities by their gradients, and sum W y in grad_x and W^T x in grad_y
/// (rows of valid components; what they held before is not read).
///
/// Tiles are taken by diagonals: no two of a diagonal share a row or a column block, so they run at
/// the same time without conflict, and each gradient row is summed in an order that the problem
/// alone fixes.
template <class Runtime, class In, class MakeWeigh>
void accumulate_gradients(const Components<In>& x, const Components<In>& y,
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
  // Whether a block's gradients hold a product already, to which the next one is added.
  std::vector<char> x_begun(x_count, 0), y_begun(y_count, 0);
  const auto make_worker = [&] {
    return [&, products = TileProducts<Runtime, In>(x, y, x_rows, y_rows),
            weigh = make_weigh(y_rows)](int64_t task) mutable {
      const int64_t diagonal = task / shorter, one = task % shorter,
                    other = (one + diagonal) % longer;
      const Block& xb = x_blocks[x_count <= y_count ? one : other];
      const Block& yb = y_blocks[x_count <= y_count ? other : one];
      weigh(products.similarities(xb, yb), xb, yb);
      products.sum_of_y(xb, yb, std::exchange(x_begun[xb.index], 1), grad_x);
      products.sum_of_x(xb, yb, std::exchange(y_begun[yb.index], 1), grad_y);
    };
  };
  typename Runtime::template Pool<decltype(make_worker)> pool(make_worker);
  for (int64_t diagonal = 0; diagonal < longer; ++diagonal) {
    pool.run(diagonal * shorter, (diagonal + 1) * shorter);
  }
}

}  // namespace alignops

// Gradients in the accumulation type, and their conversion to the tensors for autograd.
#pragma once

#include "core/tiles.h"
#include "cpu/arguments.h"

namespace alignops {

/// Gradient rows of valid components: the result itself if it has their type and layout, else a
/// buffer that finish() scatters into the result.
template <class In>
class GradientRows {
  using T = Accumulator<In>;

 public:
  GradientRows(const Components<In>& components, const Tensor& like)
      : components_(components),
        result_(in_place() ? empty(like.sizes(), like.scalar_type())
                           : zeros(like.sizes(), like.scalar_type())),
        rows_(in_place() ? result_
                         : empty({components.rows(), components.dim}, accumulation_type(like))) {}

  /// The rows; write all of them before finish().
  T* rows() { return data<T>(rows_); }

  /// The result: the rows times `scale`, and zero for invalid components.
  Tensor finish(T scale = 1) {
    if (!in_place() || scale != T(1)) store(scale);
    return result_;
  }

 private:
  void store(T scale) {
    const int64_t dim = components_.dim;
    const T* from = data<T>(rows_);
    In* to = data<In>(result_);
    torch::stable::parallel_for(0, components_.rows(), 64, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        In* stored = to + components_.source(row) * dim;
        for (int64_t d = 0; d < dim; ++d) stored[d] = static_cast<In>(scale * from[row * dim + d]);
      }
    });
  }

  bool in_place() const { return std::is_same_v<In, T> && components_.dense(); }

  const Components<In>& components_;
  Tensor result_, rows_;
};

}  // namespace alignops

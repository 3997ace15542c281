// FILIP similarity (FGM): the mean over one side of the maximum over the other, in both directions
// from one pass. Shared by forward and backward.
//
// The directions are symmetric, so the kernels speak of two sides; either may be x.
#pragma once

#include <cstdint>

namespace alignops {

/// An array of winners in the caller's integer type: 1, 2 or 4 bytes.
struct IndexArray {
  void* data;  // null: winners are not kept
  int64_t bytes;

  /// Call body(pointer) with a pointer to the array's type.
  template <class Body>
  void with_type(const Body& body) const {
    if (bytes == 1) return body(static_cast<uint8_t*>(data));
    if (bytes == 2) return body(static_cast<int16_t*>(data));
    body(static_cast<int32_t*>(data));
  }
};

/// One side's view of the pairs: `values`, its means of maxima or their gradients, its winners
/// `argmax`, and the position of the pair of its sample a with sample b of the other side.
template <class Value>
struct FgmSide {
  Value* values;
  IndexArray argmax;
  int64_t own_stride, other_stride;

  int64_t pair(int64_t own, int64_t other) const { return own * own_stride + other * other_stride; }
};

}  // namespace alignops

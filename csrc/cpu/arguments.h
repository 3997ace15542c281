// Tensors of the CPU ops: checks, layout, dispatch on the C++ type, allocation of results.
//
// Python checks first, with better messages (alignops/ops/arguments.py); these checks keep a direct
// call of torch.ops.alignops.* from reading out of bounds.
#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "core/components.h"

namespace alignops {

using torch::headeronly::ScalarType;
using Shape = torch::headeronly::IntHeaderOnlyArrayRef;
using torch::stable::Tensor;

/// Throw the sentence unless `holds`; Python raises it as a ValueError.
template <class... Parts>
inline void check(bool holds, const Parts&... sentence) {
  if (holds) return;
  std::ostringstream text;
  (text << ... << sentence);
  throw std::invalid_argument(text.str());
}

/// The tensor in row-major layout. Calls torch only if there is something to do: a call of the
/// dispatcher takes longer than a small problem.
inline Tensor row_major(const Tensor& tensor) {
  return tensor.is_contiguous() ? tensor : torch::stable::contiguous(tensor);
}

/// Call body(T{}) with the C++ type of a floating-point tensor.
template <class Body>
inline auto dispatch(const Tensor& tensor, const Body& body) {
  switch (tensor.scalar_type()) {
    case ScalarType::Double:
      return body(double{});
    case ScalarType::Float:
      return body(float{});
    case ScalarType::BFloat16:
      return body(torch::headeronly::BFloat16{});
    case ScalarType::Half:
      return body(torch::headeronly::Half{});
    default:
      throw std::invalid_argument("expected float64, float32, bfloat16 or float16 tensors");
  }
}

inline ScalarType accumulation_type(const Tensor& tensor) {
  return tensor.scalar_type() == ScalarType::Double ? ScalarType::Double : ScalarType::Float;
}

/// The contiguous tensors of an op's two sides, (B, N, D) or (B, D), and their masks, checked to
/// fit together.
struct Pair {
  Tensor x, y;
  std::optional<Tensor> x_mask, y_mask;

  Pair(const Tensor& x, const Tensor& y, const std::optional<Tensor>& x_mask,
       const std::optional<Tensor>& y_mask, int64_t dims)
      : x(row_major(x)), y(row_major(y)) {
    check(x.dim() == dims && y.dim() == dims, "expected tensors of ", dims, " dimensions");
    check(x.scalar_type() == y.scalar_type(), "expected tensors of one type");
    check(x.size(dims - 1) == y.size(dims - 1), "expected one embedding size");
    this->x_mask = checked_mask(x, x_mask);
    this->y_mask = checked_mask(y, y_mask);
  }

  template <class In>
  Components<In> x_components() const {
    return components<In>(x, x_mask);
  }
  template <class In>
  Components<In> y_components() const {
    return components<In>(y, y_mask);
  }

 private:
  static std::optional<Tensor> checked_mask(const Tensor& tensor,
                                            const std::optional<Tensor>& mask) {
    if (!mask) return std::nullopt;
    check(mask->scalar_type() == ScalarType::Bool, "expected a bool mask");
    check(mask->dim() == tensor.dim() - 1, "expected a mask of the shape of its tensor less D");
    for (int64_t d = 0; d < mask->dim(); ++d) {
      check(mask->size(d) == tensor.size(d), "expected a mask of the shape of its tensor less D");
    }
    return row_major(*mask);
  }

  /// (B, D) counts as B samples of one component.
  template <class In>
  static Components<In> components(const Tensor& tensor, const std::optional<Tensor>& mask) {
    const int64_t dims = tensor.dim();
    return {static_cast<const In*>(tensor.const_data_ptr()),
            mask ? static_cast<const bool*>(mask->const_data_ptr()) : nullptr, tensor.size(0),
            dims == 3 ? tensor.size(1) : 1, tensor.size(dims - 1)};
  }
};

/// A gradient or saved result, checked against the forward's shape and type, and contiguous.
inline Tensor checked(const Tensor& tensor, Shape shape, ScalarType type) {
  check(tensor.scalar_type() == type,
        "expected gradients and saved results of the types that the forward returns");
  check(tensor.sizes() == shape,
        "expected gradients and saved results of the shapes that the forward returns");
  return row_major(tensor);
}

/// The value of a 0-d tensor of type T.
template <class T>
inline T scalar(const Tensor& tensor) {
  check(tensor.numel() == 1 &&
            tensor.scalar_type() == torch::headeronly::CppTypeToScalarType<T>::value,
        "expected a scale or a loss's gradient as a 0-d tensor of the accumulation type, tau of "
        "float64");
  return *static_cast<const T*>(tensor.const_data_ptr());
}

/// A new CPU tensor, uninitialised. Uses the C interface, which also avoids the dispatcher.
inline Tensor empty(Shape shape, ScalarType type) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= std::max<int64_t>(shape[d], 1);
  }
  AtenTensorHandle tensor;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(
      static_cast<int64_t>(shape.size()), shape.data(), strides.data(), static_cast<int32_t>(type),
      aoti_torch_device_type_cpu(), 0, &tensor));
  return Tensor(tensor);
}

inline Tensor zeros(Shape shape, ScalarType type) {
  const Tensor tensor = empty(shape, type);
  if (const size_t bytes = tensor.numel() * tensor.element_size(); bytes > 0) {
    std::memset(tensor.mutable_data_ptr(), 0, bytes);
  }
  return tensor;
}

template <class T>
inline T* data(Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

/// Contents of a tensor that is known to be contiguous and of type T.
template <class T>
inline const T* data(const Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

}  // namespace alignops

// Matrices in memory: views of them, and the memory itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

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

}  // namespace alignops

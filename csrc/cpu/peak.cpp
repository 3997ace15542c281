// What one thread can multiply and add at most with the instructions of this variant: the measure
// that benchmarks hold the ops against.
#include <algorithm>
#include <chrono>

#include "core/product.h"

namespace alignops {
namespace {

/// Floating-point operations a second, the best of a few runs: a block of sums in registers, as
/// that of a product, whose factors stay next to them.
template <class Row>
double operations_per_second() {
  using F = Factor<Row>;
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kRows = 4, kSteps = 1 << 20;
  constexpr double kOperations =
      2.0 * kSteps * kRows * kGroupVectors * kLanes<F> * kValuesPerFactor<Row>;
  F factors[kRows]{};
  Vector<F> columns[kGroupVectors]{};
  double best = 0;
  for (int run = 0; run < 10; ++run) {
    Vector<float> sums[kRows][kGroupVectors]{};
    const auto start = Clock::now();
    for (int64_t step = 0; step < kSteps; ++step) {
      // For all the compiler knows they are others at every step: none is multiplied beforehand.
      asm volatile("" : : "r"(factors), "r"(columns) : "memory");
      for (int64_t r = 0; r < kRows; ++r) {
        for (int v = 0; v < kGroupVectors; ++v) {
          sums[r][v] = multiply_add(sums[r][v], factors[r], columns[v]);
        }
      }
    }
    const std::chrono::duration<double> seconds = Clock::now() - start;
    best = std::max(best, kOperations / seconds.count());
    Vector<float> total{};
    for (const auto& row : sums) {
      for (const Vector<float>& sum : row) total += sum;
    }
    const volatile float wanted = sum_lanes<float>(total);
    static_cast<void>(wanted);
  }
  return best;
}

}  // namespace
}  // namespace alignops

extern "C" [[gnu::visibility("default")]] double alignops_peak(bool bfloat16) {
  using namespace alignops;
  return bfloat16 ? operations_per_second<Operand<BFloat16>>() : operations_per_second<float>();
}

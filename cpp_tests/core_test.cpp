// csrc/core against its definitions, without torch: for builds under the sanitizers
// (-DALIGNOPS_SANITIZE=ON), which see what a result does not show.
#include <cstdio>

#include "ops.h"

namespace alignops {
namespace {

int failures = 0;

template <class T>
void expect_close(const char* what, double result, double expected, double scale) {
  const double allowed = (sizeof(T) == 8 ? 1e-6 : 1e-3) * std::max(1.0, scale);
  if (std::abs(result - expected) <= allowed) return;
  std::printf("%s is %g, expected %g\n", what, result, expected);
  ++failures;
}

template <class T>
double weighted(const std::vector<T>& weights, const std::vector<double>& values) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += weights[i] * values[i];
  return sum;
}

template <class T>
double norm(const std::vector<T>& values) {
  double sum = 0;
  for (T value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

template <class T>
std::vector<T> draw(size_t length, std::mt19937& random) {
  std::vector<T> result(length);
  std::normal_distribution<double> normal;
  for (T& value : result) value = static_cast<T>(normal(random));
  return result;
}

/// The slope of the definition's weighted sum along a direction of one side, by finite differences.
template <template <class> class Op>
double slope(Problem<double>& problem, std::vector<double>& values,
             const std::vector<double>& direction, const Outputs<double>& weights) {
  const double step = 1e-7;  // small, as maxima have kinks
  const auto at = [&](double distance) {
    for (size_t i = 0; i < values.size(); ++i) values[i] += distance * direction[i];
    const Outputs<double> outputs = Op<double>::define(problem);
    for (size_t i = 0; i < values.size(); ++i) values[i] -= distance * direction[i];
    return weighted(weights.a, outputs.a) + weighted(weights.b, outputs.b);
  };
  return (at(step) - at(-step)) / (2 * step);
}

template <class T>
Problem<T> converted(const Problem<double>& problem, const Sizes& sizes) {
  std::mt19937 unused;
  Problem<T> result(Sizes{sizes.x_batch, sizes.n, sizes.y_batch, sizes.m, sizes.dim, false},
                    unused);
  const auto copy = [](const Side<double>& from, Side<T>& to) {
    std::copy(from.values.begin(), from.values.end(), to.values.begin());
    if (!from.mask) return;
    to.mask = std::make_unique<bool[]>(from.batch * from.count);
    std::copy_n(from.mask.get(), from.batch * from.count, to.mask.get());
  };
  copy(problem.x, result.x);
  copy(problem.y, result.y);
  return result;
}

template <template <class> class Op, class T>
void check_op(const char* name, const Sizes& sizes) {
  std::mt19937 random(sizes.dim + 31 * sizes.n);
  Problem<double> problem(sizes, random);
  const Problem<T> own = converted<T>(problem, sizes);
  Op<T> op(own);

  const Outputs<double> expected = Op<double>::define(problem);
  const Outputs<T> outputs = op.forward();
  if (outputs.a.size() != expected.a.size() || outputs.b.size() != expected.b.size()) {
    std::printf("%s: %zu and %zu outputs\n", name, outputs.a.size(), outputs.b.size());
    ++failures;
    return;
  }
  for (size_t i = 0; i < expected.a.size(); ++i) {
    expect_close<T>(name, outputs.a[i], expected.a[i], std::abs(expected.a[i]));
  }
  for (size_t i = 0; i < expected.b.size(); ++i) {
    expect_close<T>(name, outputs.b[i], expected.b[i], std::abs(expected.b[i]));
  }

  const Outputs<T> weights{draw<T>(expected.a.size(), random), draw<T>(expected.b.size(), random)};
  const Gradients<T> gradients = op.backward(weights);
  const Outputs<double> in_double{{weights.a.begin(), weights.a.end()},
                                  {weights.b.begin(), weights.b.end()}};
  for (const bool of_x : {true, false}) {
    std::vector<double>& values = of_x ? problem.x.values : problem.y.values;
    const std::vector<T>& gradient = of_x ? gradients.x : gradients.y;
    const auto direction = draw<double>(values.size(), random);
    expect_close<T>(name, weighted(gradient, direction),
                    slope<Op>(problem, values, direction, in_double), 10 * norm(gradient));
  }
}

template <template <class> class Op>
void check(const char* name, const Sizes& sizes) {
  check_op<Op, double>(name, sizes);
  check_op<Op, float>(name, sizes);
}

void check_matched(int64_t images, int64_t texts, int64_t dim) {
  std::mt19937 random(dim);
  const auto image = draw<float>(images * dim, random), text = draw<float>(texts * dim, random);
  const auto weights = draw<float>(texts, random);
  std::vector<int64_t> image_of(texts);
  for (int64_t& i : image_of) i = random() % images;
  std::vector<double> expected(images * dim);
  for (int64_t k = 0; k < texts; ++k) {
    double sum = 0;
    for (int64_t d = 0; d < dim; ++d) {
      sum += static_cast<double>(image[image_of[k] * dim + d]) * text[k * dim + d];
      expected[image_of[k] * dim + d] += static_cast<double>(weights[k]) * text[k * dim + d];
    }
    const float result = dot(image.data() + image_of[k] * dim, text.data() + k * dim, dim);
    expect_close<float>("matched", result, sum, dim);
  }
  const TextsByImage by_image(image_of.data(), texts, images);
  std::vector<float> sums(dim), gradient(images * dim);
  for (int64_t i = 0; i < images; ++i) {
    matched_image_gradient(by_image, i, weights.data(), text.data(), dim, sums.data(),
                           gradient.data());
  }
  for (size_t i = 0; i < gradient.size(); ++i) {
    expect_close<float>("gradient of matched", gradient[i], expected[i], texts);
  }
}

}  // namespace
}  // namespace alignops

int main() {
  using namespace alignops;
  // (x_batch, n, y_batch, m, dim, masked): around the edges of tiles, panels, vectors, stretches.
  const std::vector<Sizes> sizes = {
      {1, 1, 1, 1, 1, false},    {3, 4, 2, 5, 7, true},    {5, 3, 4, 6, 16, true},
      {1, 3, 17, 2, 129, false}, {33, 2, 3, 7, 3, true},   {2, 9, 40, 3, 33, false},
      {150, 4, 3, 3, 2, true},   {2, 1, 600, 1, 2, false}, {600, 1, 2, 2, 2, true},
      {4, 5, 4, 5, 0, false},    {0, 2, 3, 2, 3, false},   {2, 0, 3, 2, 3, false},
  };
  for (const Sizes& size : sizes) {
    check<Fgm>("FGM", size);
    check<Powerset>("powerset", size);
    check<ExactPowerset>("exact powerset", size);
    // Of nothing it is -inf, which has no slope.
    if (size.x_batch * size.n > 0) check<Logsumexp>("logsumexp", size);
  }
  // Components in thousands: one sample fills several tiles. In float some of so many would tie.
  check_op<Fgm, double>("FGM", {1, 700, 2, 1500, 3, true});
  check_matched(3, 10, 5);
  check_matched(70, 300, 33);
  std::printf(failures ? "%d failures\n" : "all hold\n", failures);
  return failures ? 1 : 0;
}

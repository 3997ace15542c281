// csrc/core against its definitions, without torch: for builds under the sanitizers
// (-DALIGNOPS_SANITIZE=ON), which find errors that a result does not show.
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

/// The directional derivative of measure() with respect to the values, by finite differences.
template <class Measure>
double slope(std::vector<double>& values, const std::vector<double>& direction,
             const Measure& measure) {
  const double step = 1e-7;  // small, as maxima have kinks
  const auto at = [&](double distance) {
    for (size_t i = 0; i < values.size(); ++i) values[i] += distance * direction[i];
    const double result = measure();
    for (size_t i = 0; i < values.size(); ++i) values[i] -= distance * direction[i];
    return result;
  };
  return (at(step) - at(-step)) / (2 * step);
}

template <class T>
Problem<T> converted(const Problem<double>& problem, const Sizes& sizes) {
  std::mt19937 unused;
  Problem<T> result(Sizes{sizes.x_batch, sizes.n, sizes.y_batch, sizes.m, sizes.dim, false},
                    unused);
  const auto copy = [](const Side<double>& from, Side<T>& to) {
    std::transform(from.values.begin(), from.values.end(), to.values.begin(),
                   [](double value) { return static_cast<T>(value); });
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
  // What T holds, so that both have the same values.
  for (double& value : problem.x.values) value = static_cast<T>(value);
  for (double& value : problem.y.values) value = static_cast<T>(value);
  const Problem<T> own = converted<T>(problem, sizes);
  Op<T> op(own);

  const Outputs<double> expected = Op<double>::define(problem);
  const auto outputs = op.forward();
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

  using Sum = Accumulator<T>;
  const Outputs<Sum> weights{draw<Sum>(expected.a.size(), random),
                             draw<Sum>(expected.b.size(), random)};
  const auto gradients = op.backward(weights);
  for (const bool of_x : {true, false}) {
    std::vector<double>& values = of_x ? problem.x.values : problem.y.values;
    const auto& gradient = of_x ? gradients.x : gradients.y;
    const auto direction = draw<double>(values.size(), random);
    const double expected_slope = slope(values, direction, [&] {
      const Outputs<double> at = Op<double>::define(problem);
      return weighted(weights.a, at.a) + weighted(weights.b, at.b);
    });
    expect_close<T>(name, weighted(gradient, direction), expected_slope, 10 * norm(gradient));
  }
}

template <template <class> class Op>
void check(const char* name, const Sizes& sizes) {
  check_op<Op, double>(name, sizes);
  check_op<Op, float>(name, sizes);
  check_op<Op, BFloat16>(name, sizes);
}

/// The paper's form over the dense matrix of logits, z[i][k].
double contrastive_by_formula(const std::vector<std::vector<double>>& z, const Texts& texts) {
  double of_images = 0, of_texts = 0, anchors = 0, positives = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    double sum = 0, own = 0;
    for (int64_t k = 0; k < texts.count; ++k) {
      if (texts.image_index[k] != static_cast<int64_t>(i) || !texts.positive[k]) continue;
      sum += log_sum_exp(z[i]) - z[i][k];
      of_texts += log_sum_exp(column(z, k)) - z[i][k];
      ++own;
    }
    positives += own;
    if (own == 0) continue;
    of_images += sum / own;
    ++anchors;
  }
  return (of_images / anchors + of_texts / positives) / 2;
}

/// Texts of random images, every third one negative; many texts span several tiles.
void check_contrastive(int64_t images, int64_t count, int64_t dim) {
  std::mt19937 random(dim);
  Problem<double> problem({images, 1, count, 1, dim, false}, random);
  std::vector<int64_t> image_index(count);
  for (int64_t& i : image_index) i = random() % images;
  const auto positive = std::make_unique<bool[]>(count);  // unlike vector<bool>, real bytes
  for (int64_t k = 0; k < count; ++k) positive[k] = k % 3 > 0;
  const Texts texts{image_index.data(), positive.get(), count};
  double scale = 5;
  const auto define = [&] {
    std::vector<std::vector<double>> z(images);
    for (int64_t i = 0; i < images; ++i) {
      for (int64_t k = 0; k < count; ++k) {
        z[i].push_back(scale * problem.similarities(i, k)[0][0]);
      }
    }
    return contrastive_by_formula(z, texts);
  };

  const auto x = problem.x.components(), y = problem.y.components();
  const ContrastiveWeights<double> weights(texts, images, true);
  const LogsumexpPartials<double> partials(x, y, scale);
  std::vector<double> own(count), row(images), col(count);
  for_each_tile<PlainRuntime>(x, y, [&](int64_t columns) {
    return ContrastiveForward<double>(partials.epilogue(columns), texts.image_index, scale,
                                      own.data());
  });
  partials.combine_into(row.data(), col.data());
  const double loss = contrastive_loss(texts, weights, row.data(), col.data(), own.data());
  expect_close<double>("contrastive loss", loss, define(), loss);

  ScaleGradient of_scale(x, y);
  const auto gradients = dense_gradients(x, y, scale, [&](int64_t columns) {
    return ContrastiveBackward<double>(texts.image_index, weights, row.data(), col.data(), scale,
                                       of_scale, columns);
  });
  for (const bool of_x : {true, false}) {
    std::vector<double>& values = of_x ? problem.x.values : problem.y.values;
    const auto direction = draw<double>(values.size(), random);
    expect_close<double>("gradient of the contrastive loss",
                         weighted(of_x ? gradients.x : gradients.y, direction),
                         slope(values, direction, define), 1);
  }
  const double step = 1e-6, before = scale;
  scale = before + step;
  const double above = define();
  scale = before - step;
  expect_close<double>("gradient of the scale", of_scale.sum(), (above - define()) / (2 * step), 1);
}

/// The dot of pairs by the CPU's instruction is that of its definition, and both are within a
/// rounding of the sum.
void check_pair_dot() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 1000; ++i) {
    BFloat16 row[2], columns[2 * kLanes<float>];
    float sum[kLanes<float>];
    for (BFloat16& value : row) value = BFloat16(normal(random));
    for (BFloat16& value : columns) value = BFloat16(normal(random));
    for (float& value : sum) value = normal(random);
    BFloat16Pair pair;
    Vector<BFloat16Pair> pairs;
    std::memcpy(&pair, row, sizeof pair);
    std::memcpy(&pairs, columns, sizeof pairs);
    const Vector<float> result = pair_dot(load(sum), pair, pairs);
    const Vector<float> portable = portable_pair_dot(load(sum), pair, pairs);
    for (int64_t lane = 0; lane < kLanes<float>; ++lane) {
      const double expected = double(sum[lane]) + double(row[0]) * double(columns[2 * lane]) +
                              double(row[1]) * double(columns[2 * lane + 1]);
      if (result[lane] == portable[lane] && std::abs(result[lane] - expected) < 4e-6) continue;
      std::printf("pair_dot is %.9g, expected %.9g\n", result[lane], expected);
      ++failures;
    }
  }
}

/// A value rounded to bfloat16 is the nearest one, its lower bit even where two are; NaN stays one.
void check_rounding() {
  const auto rounded = [](uint32_t bits) { return BFloat16(std::bit_cast<float>(bits)).bits; };
  const std::pair<uint32_t, uint16_t> cases[] = {
      {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81}, {0x3f818000, 0x3f82},
      {0x7f7fffff, 0x7f80}, {0xff800000, 0xff80}, {0x7f800001, 0x7fc0}, {0x80000001, 0x8000}};
  for (const auto& [bits, expected] : cases) {
    BFloat16 stored[kLanes<float>];
    store_rounded(stored, Vector<float>{} + std::bit_cast<float>(bits), kLanes<float>);
    if (rounded(bits) == expected && stored[0].bits == expected) continue;
    std::printf("%08x is rounded to %04x and %04x, expected %04x\n", bits, rounded(bits),
                stored[0].bits, expected);
    ++failures;
  }
}

/// SCAN's similarity, which has no gradient, on components of any norm.
template <class T>
void check_scan(const Sizes& sizes) {
  const T slope = T(0.25);
  std::mt19937 random(sizes.dim + 31 * sizes.n);
  Problem<double> problem(sizes, random);
  const auto normalised = [](Side<double>& side) {
    const auto components = side.components();
    for (int64_t row = 0; row < components.rows(); ++row) {
      double* at = side.values.data() + components.source(row) * side.dim;
      for (int64_t d = 0; d < side.dim; ++d) at[d] *= std::ldexp(1.0, row % 3 * 700 - 700);
      normalise(at, side.dim, at);
    }
  };
  normalised(problem.x);
  normalised(problem.y);
  const Outputs<double> expected = of_pairs(problem, [&](auto c) {
    for (auto& row : c) {
      for (double& value : row) value = value > 0 ? value : slope * value;
    }
    const auto norm_of = [](const std::vector<double>& values) {
      const double length = norm(values);
      return length > 0 ? length : 1;
    };
    std::vector<double> best_row(c[0].size(), kMinusInfinity<double>);
    double a = 0, b = 0;
    for (const auto& row : c) {
      double best = kMinusInfinity<double>;
      for (size_t l = 0; l < row.size(); ++l) {
        best = std::max(best, row[l] / norm_of(column(c, l)));
        best_row[l] = std::max(best_row[l], row[l] / norm_of(row));
      }
      a += best / c.size();
    }
    for (double best : best_row) b += best / best_row.size();
    return std::pair(a, b);
  });

  const Problem<T> own = converted<T>(problem, sizes);
  const auto x = own.x.components(), y = own.y.components();
  std::vector<T> a(x.batch * y.batch), b(a.size());
  if (x.rows() > 0 && y.rows() > 0) {
    scan_forward<PlainRuntime>(x, y, slope, {a.data(), b.data()});
  }
  for (size_t i = 0; i < a.size(); ++i) {
    expect_close<T>("SCAN", a[i], expected.a[i], 1);
    expect_close<T>("SCAN", b[i], expected.b[i], 1);
  }
}

}  // namespace
}  // namespace alignops

int main() {
  using namespace alignops;
  // (x_batch, n, y_batch, m, dim, masked): at the edges of tiles, panels, vectors and stretches.
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
    check_scan<double>(size);
    check_scan<float>(size);
    // An empty logsumexp is -inf and has no gradient.
    if (size.x_batch * size.n > 0) check<Logsumexp>("logsumexp", size);
  }
  // More regions than both halves of a table of subsets, and walks around them.
  check<ExactPowerset>("exact powerset", {2, 10, 17, 5, 6, false});
  check<ExactPowerset>("exact powerset", {2, 13, 5, 4, 6, true});
  // Thousands of components: one sample fills several tiles. In float, some of so many would tie.
  check_op<Fgm, double>("FGM", {1, 700, 2, 1500, 3, true});
  check_pair_dot();
  check_rounding();
  check_contrastive(3, 10, 5);
  check_contrastive(260, 300, 3);
  std::printf(failures ? "%d failures\n" : "all hold\n", failures);
  return failures ? 1 : 0;
}

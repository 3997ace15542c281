// Panels: some samples of one side, laid out as columns of a tile so that what is reduced over a
// sample's components is reduced between vectors.
//
// The columns are interleaved: first components of all samples, then all second ones, and so on. A
// lane of a vector then belongs to one sample, in both directions, for any number of components.
#pragma once

#include <algorithm>
#include <vector>

#include "core/product.h"
#include "core/tiles.h"
#include "core/vector.h"

namespace alignops {

/// Samples of the column side, longest first, with their components interleaved: component l of the
/// samples that have one are columns [offsets[l], offsets[l + 1]), in the order of `samples`.
/// Column c is row sources[c] of the side.
struct Panel {
  std::vector<int64_t> samples, offsets, sources;
  int64_t columns() const { return offsets.back(); }
  int64_t depth() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t width() const { return static_cast<int64_t>(samples.size()); }
  int64_t active(int64_t l) const { return offsets[l + 1] - offsets[l]; }
};

/// What the scratch of a worker must hold: the largest of all panels, in each respect.
struct PanelShape {
  int64_t columns = 1, depth = 1, width = 1;

  explicit PanelShape(const std::vector<Panel>& panels) {
    for (const Panel& panel : panels) {
      columns = std::max(columns, panel.columns());
      depth = std::max(depth, panel.depth());
      width = std::max(width, panel.width());
    }
  }
};

// A packed panel of this many columns stays in the second level of cache at common embedding sizes.
constexpr int64_t kPanelColumns = 320, kMaxPanelColumns = 2048;
// The similarities of some rows with a panel are reduced while they are in that cache.
constexpr int64_t kTileElements = 32 * 1024;
// A packed panel meets this many rows before it is packed again, if that leaves every thread some
// tasks: its copy then costs next to nothing.
constexpr int64_t kRowsPerPanel = 4096, kTasksPerThread = 2;

/// How many samples of `count` components make a panel: whole vectors of samples where the width
/// allows.
inline int64_t panel_samples(int64_t count) {
  constexpr int64_t kWhole = kLanes<float>;
  const int64_t wide = kPanelColumns / count / kWhole * kWhole;
  return std::max<int64_t>(1, std::min(std::max(wide, kWhole), kMaxPanelColumns / count));
}

template <class In>
std::vector<Panel> panels_of(const Components<In>& columns) {
  std::vector<int64_t> order;
  for (int64_t b = 0; b < columns.batch; ++b) {
    if (columns.valid(b) > 0) order.push_back(b);
  }
  const int64_t width = order.empty() ? 1 : panel_samples(columns.count);
  std::vector<Panel> panels;
  for (size_t first = 0; first < order.size(); first += width) {
    Panel panel;
    const size_t last = std::min(order.size(), first + width);
    panel.samples.assign(order.begin() + first, order.begin() + last);
    std::stable_sort(panel.samples.begin(), panel.samples.end(),
                     [&](int64_t a, int64_t b) { return columns.valid(a) > columns.valid(b); });
    panel.offsets = {0};
    for (int64_t l = 0; l < columns.valid(panel.samples.front()); ++l) {
      for (int64_t sample : panel.samples) {
        if (columns.valid(sample) > l) panel.sources.push_back(columns.offsets[sample] + l);
      }
      panel.offsets.push_back(panel.sources.size());
    }
    panels.push_back(std::move(panel));
  }
  return panels;
}

/// The runs of row samples that meet `panels` panels in turn. Only for ops whose results are the
/// same whatever the runs: these depend on the number of threads.
template <class In>
std::vector<Block> runs_of(const Components<In>& rows, int64_t panels, int64_t threads) {
  if (panels == 0) return {};
  const int64_t for_threads = (kTasksPerThread * threads + panels - 1) / panels;
  const int64_t for_packing = (rows.rows() + kRowsPerPanel - 1) / kRowsPerPanel;
  return even_blocks_of(rows,
                        std::max(for_packing, std::min(for_threads, rows.rows() / kMinBlockRows)));
}

/// The similarities of some rows with one panel after another, in buffers that a worker reuses.
template <class In>
class PanelTile {
  using T = Accumulator<In>;
  using Row = Operand<In>;

 public:
  PanelTile(const Components<In>& rows, const Components<In>& columns, const PanelShape& shape,
            int64_t max_rows)
      : rows_(rows),
        columns_(columns),
        stride_(padded<T>(shape.columns)),
        width_(whole_factors<Row>(rows.dim)),
        packed_(packed_size<Row>(shape.columns, width_)),
        loaded_(max_rows * width_),
        tile_(max_rows * stride_ + kLanes<T>) {}  // loads may read on behind its end

  void pack(const Panel& panel) {
    pack_columns<Row>(
        columns_, [&](int64_t c) { return panel.sources[c]; }, panel.columns(), packed_.get());
  }

  /// The similarities of rows [begin, end) with the panel that was packed last: those of row r
  /// start at (r - begin) * stride(), and are the caller's to change.
  T* multiply(const Panel& panel, int64_t begin, int64_t end) {
    const Row* rows = rows_.load(begin, end, width_, loaded_.get());
    T* const tile = tile_.get();
    const int64_t stride = stride_;
    alignops::multiply(
        rows, end - begin, width_, packed_.get(), panel.columns(),
        [=](int64_t row, int64_t c, Vector<T> sum) { store(tile + row * stride + c, sum); });
    return tile;
  }

  int64_t stride() const { return stride_; }

 private:
  const Components<In>&rows_, &columns_;
  const int64_t stride_, width_;
  Buffer<Factor<Row>> packed_;
  Buffer<Row> loaded_;
  Buffer<T> tile_;
};

/// The similarities of a run of row samples with a panel, a few whole samples at a time.
template <class In>
class SampleTile {
  using T = Accumulator<In>;

 public:
  SampleTile(const Components<In>& rows, const Components<In>& columns, const PanelShape& shape)
      : rows_(rows),
        samples_(std::max<int64_t>(kTileElements / (shape.columns * rows.count), 1)),
        tile_(rows, columns, shape, samples_ * rows.count) {}

  /// Call body(sample, s) for every sample of a run that has valid components; its similarities
  /// with the panel start at s, stride() apart, and are the body's to change.
  template <class Body>
  void for_each_sample(const Panel& panel, const Block& run, const Body& body) {
    tile_.pack(panel);
    for (int64_t first = run.first; first < run.last; first += samples_) {
      const int64_t last = std::min(first + samples_, run.last), begin = rows_.offsets[first];
      T* tile = tile_.multiply(panel, begin, rows_.offsets[last]);
      for (int64_t sample = first; sample < last; ++sample) {
        if (rows_.valid(sample) == 0) continue;
        body(sample, tile + (rows_.offsets[sample] - begin) * tile_.stride());
      }
    }
  }

  int64_t stride() const { return tile_.stride(); }

 private:
  const Components<In>& rows_;
  const int64_t samples_;
  PanelTile<In> tile_;
};

/// Forward of an op that reduces the pairs of a run of row samples and a panel: scorer(panel, run)
/// once for every such pair, in any order; each thread has a scorer of its own.
template <class Runtime, class In, class MakeScorer>
void for_each_panel(const Components<In>& rows, const Components<In>& columns,
                    const MakeScorer& make_scorer) {
  const auto panels = panels_of(columns);
  const auto runs = runs_of(rows, panels.size(), Runtime::threads());
  const PanelShape shape(panels);
  const int64_t run_count = runs.size();
  const auto make_worker = [&] {
    return [&, scorer = make_scorer(shape)](int64_t task) mutable {
      scorer(panels[task / run_count], runs[task % run_count]);
    };
  };
  typename Runtime::template Pool<decltype(make_worker)>(make_worker)
      .run(0, panels.size() * run_count);
}

}  // namespace alignops

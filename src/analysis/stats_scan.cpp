#include "analysis/stats_scan.h"

#include <algorithm>
#include <cmath>

#include "analysis/stats_range.h"
#include "kvcache/error.h"
#include "tensor/scan.h"
#include "tensor/scratch.h"
#include "tensor/simd/kernels.h"

namespace kvcache::detail {
namespace {

/// What is read at a time: still in the core's cache when it is counted.
constexpr std::uint64_t read_bytes = 256U << 10U;
/// What one call of a thread works on, at least where there is that much.
constexpr std::uint64_t task_bytes = 4U << 20U;
/// No array has more tasks than that (and one for each of its heads), as the results of all are kept until the end.
constexpr std::uint64_t most_tasks = 4096;
constexpr std::uint64_t most_channels = 65536;
/// A mean over fewer tokens says nothing about a channel, and would take more memory than the tokens.
constexpr std::int64_t fewest_tokens = 16;
constexpr std::size_t shown_outliers = 5;

/// What one task found.
struct Found {
  ValueSums sums;
  std::vector<double> channels;  ///< sums of magnitudes, of its heads
  std::uint64_t first_head = 0;
  std::vector<double> squares;  ///< by column, from first_column
  std::vector<std::uint64_t> rows;
  std::size_t first_column = 0;
};

/// A piece of an array as rows: `heads` times `tokens` of `width` values. What is not over tokens is one row.
struct Rows {
  const Tensor* tensor = nullptr;
  std::optional<std::int64_t> first_token;
  std::uint64_t heads = 1, tokens = 1, width = 0, item = 1;
  std::uint64_t heads_per_task = 1, tasks_per_head = 1, step = 1;  ///< step: tokens of a task, or values of one row
  std::uint64_t first_task = 0, tasks = 0;

  explicit Rows(const CountedArray::Piece& piece) : tensor(&piece.tensor), item(item_size(piece.tensor.dtype())) {
    const std::uint64_t elements = tensor->elements();
    const std::uint64_t row_bytes = tensor->rank() == 4 ? static_cast<std::uint64_t>(tensor->dim(3)) * item : 0;
    if (piece.first_token && elements != 0 && row_bytes <= read_bytes) {
      first_token = piece.first_token;
      heads = static_cast<std::uint64_t>(tensor->dim(0) * tensor->dim(1));
      tokens = static_cast<std::uint64_t>(tensor->dim(2));
      width = static_cast<std::uint64_t>(tensor->dim(3));
    } else {
      width = elements;
    }
    const std::uint64_t bytes = std::max(task_bytes, elements * item / most_tasks);
    if (tokens * width * item <= read_bytes && elements != 0) {
      heads_per_task = std::max<std::uint64_t>(1, read_bytes / (tokens * width * item));
      step = tokens;
    } else {
      step = std::max<std::uint64_t>(1, bytes / (first_token ? width * item : item));
      tasks_per_head = ((first_token ? tokens : width) + step - 1) / step;
    }
    tasks = elements == 0 ? 0 : (heads + heads_per_task - 1) / heads_per_task * tasks_per_head;
  }
};

class Array {
 public:
  Array(const CountedArray& counted, const Columns& columns) : columns_(columns) {
    std::int64_t most_tokens = 0;
    for (const auto& piece : counted.pieces) {
      Rows rows(piece);
      rows.first_task = tasks_;
      tasks_ += rows.tasks;
      if (rows.first_token) most_tokens = std::max(most_tokens, static_cast<std::int64_t>(rows.tokens));
      pieces_.push_back(rows);
    }
    // A sequence of a batch may be all padding: no rows.
    const auto has_rows = [](const Rows& rows) { return rows.first_token.has_value(); };
    const auto first = std::ranges::find_if(pieces_, has_rows);
    if (first == pieces_.end()) return;
    if (!std::ranges::all_of(pieces_, [&](const Rows& rows) { return has_rows(rows) || rows.width == 0; })) return;
    width_ = first->width;
    heads_ = static_cast<std::uint64_t>(first->tensor->dim(1));
    channels_ = most_tokens >= fewest_tokens && width_ <= most_channels && heads_ <= most_channels / width_;
    norms_ = columns.count > 0;
  }

  [[nodiscard]] std::uint64_t tasks() const { return tasks_; }
  void choose_range(const CountedArray& counted) { range_ = range_of(counted); }

  [[nodiscard]] Found run(std::uint64_t task) const {
    const auto after = std::ranges::upper_bound(pieces_, task, {}, &Rows::first_task);
    const Rows& rows = *std::prev(after);
    const std::uint64_t within = task - rows.first_task;
    Found found;
    if (!rows.first_token) {
      run_flat(rows, within, found);
      return found;
    }
    found.first_head = within / rows.tasks_per_head * rows.heads_per_task;
    const std::uint64_t heads = std::min(rows.heads_per_task, rows.heads - found.first_head);
    const std::uint64_t first = within % rows.tasks_per_head * rows.step;
    const std::uint64_t tokens = std::min(rows.step, rows.tokens - first);
    if (channels_) found.channels.resize(heads * rows.width);
    if (norms_) {
      const std::int64_t begin = *rows.first_token + static_cast<std::int64_t>(first);
      found.first_column = columns_.of(begin);
      const std::size_t count = columns_.of(begin + static_cast<std::int64_t>(tokens) - 1) + 1 - found.first_column;
      found.squares.resize(count);
      found.rows.resize(count);
    }
    if (heads > 1) {
      run_rows(rows, heads, first, tokens, found);
      return found;
    }
    const std::uint64_t at_once = std::max<std::uint64_t>(1, read_bytes / (rows.width * rows.item));
    for (std::uint64_t t = 0; t < tokens; t += at_once) run_rows(rows, 1, first + t, std::min(at_once, tokens - t), found);
    return found;
  }

  [[nodiscard]] ArrayStats stats(std::span<const Found> found) const;

 private:
  void count(const Rows& rows, const std::byte* values, std::uint64_t n, std::uint64_t width, float* channels,
             Found& found) const {
    const Dtype dtype = rows.tensor->dtype();
    ValueSums sums;
    if (!simd::add_values(dtype, values, n, width, range_, channels, sums)) {
      sums = {};
      if (channels != nullptr) std::fill_n(channels, width, 0.0F);
      scalar::add_values(dtype, values, n, width, range_, channels, sums);
    }
    found.sums.add(sums);
  }

  void run_flat(const Rows& rows, std::uint64_t task, Found& found) const {
    const Scratch scratch(read_bytes);
    const std::uint64_t end = std::min(rows.width, (task + 1) * rows.step);
    const std::uint64_t at_once = read_bytes / rows.item;
    for (std::uint64_t at = task * rows.step; at < end; at += at_once) {
      const std::uint64_t n = std::min(at_once, end - at);
      const auto bytes = scratch.first(n * rows.item);
      rows.tensor->read(at * rows.item, bytes);
      count(rows, bytes.data(), 1, n, nullptr, found);
    }
  }

  // Tokens [first, first + tokens) of `heads` heads; all of their tokens where there are several.
  void run_rows(const Rows& rows, std::uint64_t heads, std::uint64_t first, std::uint64_t tokens, Found& found) const {
    const Scratch scratch(read_bytes);
    const std::uint64_t n = heads * tokens;
    const std::uint64_t row_bytes = rows.width * rows.item;
    const auto bytes = scratch.first(n * row_bytes);
    rows.tensor->read((found.first_head * rows.tokens + first) * row_bytes, bytes);
    if (channels_) {
      std::vector<float> channels(rows.width);
      for (std::uint64_t head = 0; head < heads; ++head) {
        std::ranges::fill(channels, 0.0F);
        count(rows, bytes.data() + head * tokens * row_bytes, tokens, rows.width, channels.data(), found);
        for (std::uint64_t c = 0; c < rows.width; ++c) found.channels[head * rows.width + c] += channels[c];
      }
    } else {
      count(rows, bytes.data(), n, rows.width, nullptr, found);
    }
    if (!norms_) return;
    const Scratch sums(n * sizeof(double));
    auto* const squares = reinterpret_cast<double*>(sums.data());
    simd::row_squares(rows.tensor->dtype(), bytes.data(), n, rows.width, squares);
    for (std::uint64_t row = 0; row < n; ++row) {
      const auto token = *rows.first_token + static_cast<std::int64_t>(first + row % tokens);
      const std::size_t column = columns_.of(token) - found.first_column;
      found.squares[column] += squares[row];
      ++found.rows[column];
    }
  }

  void judge_channels(std::span<const Found> found, ArrayStats& out) const;
  void join_norms(std::span<const Found> found, ArrayStats& out) const;

  const Columns& columns_;
  std::vector<Rows> pieces_;
  std::uint64_t tasks_ = 0;
  std::uint64_t width_ = 0, heads_ = 1;
  bool channels_ = false, norms_ = false;
  ValueRange range_;
};

ArrayStats Array::stats(std::span<const Found> found) const {
  ValueSums sums;
  for (const Found& part : found) sums.add(part.sums);
  ArrayStats out;
  out.count = sums.finite + sums.nan + sums.infinite;
  out.nan = sums.nan;
  out.infinite = sums.infinite;
  out.zeros = sums.zeros;
  if (sums.finite != 0) {
    const auto n = static_cast<double>(sums.finite);
    const double distance = sums.sum / n;
    // Adding 0 makes 0 of -0, which of the two depends on nothing.
    out.min = static_cast<double>(sums.min) + 0.0;
    out.max = static_cast<double>(sums.max) + 0.0;
    out.mean = range_.shift + distance;
    out.deviation = std::sqrt(std::max(sums.sum_sq / n - distance * distance, 0.0));
  }
  const auto bins = std::span(sums.histogram);
  out.histogram.low = range_.low;
  out.histogram.high = range_.low + static_cast<double>(ValueSums::bins) / static_cast<double>(range_.scale);
  out.histogram.below = bins.front();
  out.histogram.above = bins.back();
  out.histogram.counts.assign(bins.begin() + 1, bins.end() - 1);
  if (channels_) judge_channels(found, out);
  if (norms_) join_norms(found, out);
  return out;
}

void Array::judge_channels(std::span<const Found> found, ArrayStats& out) const {
  std::vector<double> magnitudes(heads_ * width_);
  for (const Found& part : found)
    for (std::size_t i = 0; i < part.channels.size(); ++i)
      magnitudes[(part.first_head * width_ + i) % magnitudes.size()] += part.channels[i];
  out.channels = static_cast<std::int64_t>(magnitudes.size());
  std::vector<double> sorted = magnitudes;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  const double median = *middle;
  if (!(median > 0)) return;  // mostly zeros: nothing is usual there
  for (std::size_t i = 0; i < magnitudes.size(); ++i)
    if (const double ratio = magnitudes[i] / median; ratio >= outlier_ratio)
      out.outliers.push_back({static_cast<std::int64_t>(i / width_), static_cast<std::int64_t>(i % width_), ratio});
  out.outlier_channels = static_cast<std::int64_t>(out.outliers.size());
  std::ranges::stable_sort(out.outliers, std::ranges::greater{}, &OutlierChannel::ratio);
  if (out.outliers.size() > shown_outliers) out.outliers.resize(shown_outliers);
}

void Array::join_norms(std::span<const Found> found, ArrayStats& out) const {
  std::vector<double> squares(columns_.count);
  std::vector<std::uint64_t> rows(columns_.count);
  for (const Found& part : found) {
    for (std::size_t i = 0; i < part.squares.size(); ++i) {
      squares[part.first_column + i] += part.squares[i];
      rows[part.first_column + i] += part.rows[i];
    }
  }
  for (std::size_t i = 0; i < columns_.count; ++i)
    out.norms.push_back(rows[i] == 0 ? std::nullopt
                                     : std::optional(static_cast<float>(std::sqrt(squares[i] / static_cast<double>(rows[i])))));
}

}  // namespace

std::uint64_t bytes_of(const CountedArray& array) {
  std::uint64_t bytes = 0;
  for (const auto& piece : array.pieces) bytes += piece.tensor.nbytes();
  return bytes;
}

std::vector<ArrayStats> scan_arrays(std::span<const CountedArray> arrays, const Columns& columns, const StatsOptions& options,
                                    ProgressMeter& meter) {
  std::vector<Array> plans;
  Pieces tasks(1);
  for (const CountedArray& array : arrays) {
    plans.emplace_back(array, columns);
    tasks.add(plans.back().tasks());
  }
  scan(plans.size(), options.threads, options.stop, [&](std::uint64_t i) { plans[i].choose_range(arrays[i]); });

  std::vector<std::vector<Found>> found(plans.size());
  scan(
      tasks.count(), options.threads, options.stop,
      [&](std::uint64_t i) {
        const Piece task = tasks[i];
        Found one = plans[task.array].run(task.begin);
        const std::uint64_t values = one.sums.finite + one.sums.nan + one.sums.infinite;
        meter.add(values * item_size(arrays[task.array].pieces.front().tensor.dtype()));
        return one;
      },
      [&](std::uint64_t i, Found one) { found[tasks[i].array].push_back(std::move(one)); });

  std::vector<ArrayStats> out;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    out.push_back(plans[i].stats(found[i]));
    out.back().part = arrays[i].part;
    out.back().why_not = arrays[i].why_not;
  }
  return out;
}

}  // namespace kvcache::detail

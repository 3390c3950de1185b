#include "analysis/compare_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "kvcache/quantize.h"
#include "tensor/order_free_sum.h"
#include "tensor/scan.h"
#include "tensor/scratch.h"
#include "tensor/simd/kernels.h"

namespace kvcache::detail {
namespace {

constexpr std::size_t compared_stretches = 24;
/// Elements that one thread holds of each side. Rows do not count: one of them may be a gigabyte.
constexpr std::uint64_t tile_elements = 1U << 16U;

/// What was found in one tile, with `double` for Sum, or in all of them, merged in order.
template <typename Sum>
struct Sums {
  std::uint64_t differing = 0;
  double max_abs = 0;
  std::int64_t first_token = std::numeric_limits<std::int64_t>::max();
  std::array<Sum, compared_stretches> squares{};
  std::array<std::uint64_t, compared_stretches> counts{};
};
using TileSums = Sums<double>;

void merge(const TileSums& tile, Sums<OrderFreeSum>& all) {
  all.differing += tile.differing;
  all.max_abs = std::max(all.max_abs, tile.max_abs);
  all.first_token = std::min(all.first_token, tile.first_token);
  for (std::size_t i = 0; i < compared_stretches; ++i) {
    all.squares[i].add(tile.squares[i]);
    all.counts[i] += tile.counts[i];
  }
}

/// Positions [first, first + count) that a profile is over.
struct TokenRange {
  std::int64_t first = 0;
  std::uint64_t count = 0;  ///< 0: not over tokens
};

/// Of all sequences, so that the same stretch is of the same tokens in each; else of the array.
TokenRange token_range(const PartPair& pair) {
  if (pair.sequences.empty()) {
    // Only keys and values are over tokens: [B, H, T, D].
    if (!pair.first_token || pair.a.rank() != 4) return {};
    return {*pair.first_token, static_cast<std::uint64_t>(pair.a.dim(2))};
  }
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t end = 0;
  for (const SequencePair& s : pair.sequences) {
    if (s.rows == 0) continue;
    first = std::min(first, s.first_token);
    end = std::max(end, s.first_token + s.rows);
  }
  return end == 0 ? TokenRange{} : TokenRange{first, static_cast<std::uint64_t>(end - first)};
}

class Tiles {
 public:
  Tiles(const PartPair& pair, const TokenRange& range, double tolerance) : pair_(pair), range_(range), tolerance_(tolerance) {
    const std::uint64_t width = pair.a.rank() > 0 ? static_cast<std::uint64_t>(pair.a.dim(-1)) : 1;
    elements_ = pair.a.elements();
    width_ = std::max<std::uint64_t>(1, width);
    tokens_ = range.count == 0 ? 0 : static_cast<std::uint64_t>(pair.a.dim(2));
    floats_ = is_float(pair.a.dtype()) && is_float(pair.b.dtype());
    if (floats_) {
      a32_ = cast(pair.a, Dtype::F32);
      b32_ = cast(pair.b, Dtype::F32);
    }
  }

  [[nodiscard]] std::uint64_t count() const { return (elements_ + tile_elements - 1) / tile_elements; }

  [[nodiscard]] std::uint64_t elements(std::uint64_t tile) const {
    return std::min(tile_elements, elements_ - tile * tile_elements);
  }
  /// Of both arrays.
  [[nodiscard]] std::uint64_t bytes(std::uint64_t tile) const {
    return elements(tile) * (item_size(pair_.a.dtype()) + item_size(pair_.b.dtype()));
  }

  [[nodiscard]] TileSums run(std::uint64_t tile) const {
    const std::uint64_t first = tile * tile_elements;
    const std::uint64_t elements = this->elements(tile);
    TileSums sums;
    // The widest dtype has 8 bytes, the float32 that floats of two dtypes are compared in 4.
    const Scratch a(elements * sizeof(std::uint64_t));
    const Scratch b(elements * sizeof(std::uint64_t));
    const auto read = [&](const Tensor& tensor, const Scratch& into) {
      const std::size_t item = item_size(tensor.dtype());
      tensor.read(first * item, into.first(elements * item));
      return into.data();
    };
    const bool same_dtype = pair_.a.dtype() == pair_.b.dtype();
    const std::byte* const values_a = read(same_dtype ? pair_.a : a32_, a);
    const std::byte* const values_b = read(same_dtype ? pair_.b : b32_, b);
    const Dtype dtype = same_dtype ? pair_.a.dtype() : Dtype::F32;
    const std::size_t item = item_size(dtype);
    // Most caches that are compared are mostly equal: bytes first.
    if (same_dtype && std::memcmp(values_a, values_b, elements * item) == 0) {
      for_each_run(first, elements, [&](const Run& run) { sums.counts[run.stretch] += run.elements; });
      return sums;
    }
    if (!floats_) {
      for (std::uint64_t e = 0; e < elements; ++e)
        if (std::memcmp(values_a + e * item, values_b + e * item, item) != 0) ++sums.differing;
      return sums;
    }
    for_each_run(first, elements,
                 [&](const Run& run) { add_run(run, dtype, values_a + run.at * item, values_b + run.at * item, sums); });
    return sums;
  }

 private:
  /// Consecutive elements of a tile that are of one stretch, and of one head where there are tokens.
  struct Run {
    std::uint64_t at = 0;  ///< of the tile
    std::uint64_t elements = 0;
    std::uint64_t token = 0;     ///< of its first row, counted from the array's first
    std::uint64_t in_first = 0;  ///< elements of that row: less than a row where the tile begins within it
    std::size_t stretch = 0;
  };

  /// The stretch of a token, and how many tokens from there on are of it.
  [[nodiscard]] std::pair<std::size_t, std::uint64_t> stretch_of(std::uint64_t token) const {
    const std::uint64_t at = static_cast<std::uint64_t>(*pair_.first_token - range_.first) + token;
    const std::uint64_t all = std::min<std::uint64_t>(compared_stretches, range_.count);
    const std::uint64_t stretch = at * all / range_.count;
    const std::uint64_t next = ((stretch + 1) * range_.count + all - 1) / all;
    return {static_cast<std::size_t>(stretch), std::min(next - at, tokens_ - token)};
  }

  template <typename Visit>
  void for_each_run(std::uint64_t first, std::uint64_t elements, Visit visit) const {
    for (std::uint64_t at = 0; at < elements;) {
      Run run{at, elements - at};
      if (tokens_ > 0) {
        const std::uint64_t row = (first + at) / width_;
        run.token = row % tokens_;
        const auto [stretch, rows] = stretch_of(run.token);
        run.stretch = stretch;
        run.elements = std::min(run.elements, (row + rows) * width_ - (first + at));
        run.in_first = width_ - (first + at) % width_;
      }
      visit(run);
      at += run.elements;
    }
  }

  void add_run(const Run& run, Dtype dtype, const std::byte* a, const std::byte* b, TileSums& sums) const {
    const Distances found = simd::distances(dtype, a, b, run.elements, tolerance_);
    sums.squares[run.stretch] += found.sum_sq;
    sums.max_abs = std::max(sums.max_abs, found.max_abs);
    sums.differing += found.differing;
    sums.counts[run.stretch] += run.elements;
    if (found.differing == 0 || !pair_.first_token) return;
    const std::int64_t first = *pair_.first_token + static_cast<std::int64_t>(run.token);
    if (first < sums.first_token) sums.first_token = std::min(sums.first_token, first + first_differing(run, dtype, a, b));
  }

  /// The first row of a run with a value that differs, counted from the run's first.
  [[nodiscard]] std::int64_t first_differing(const Run& run, Dtype dtype, const std::byte* a, const std::byte* b) const {
    if (tokens_ == 0) return 0;
    const std::size_t item = item_size(dtype);
    std::int64_t row = 0;
    std::uint64_t in_row = run.in_first;
    for (std::uint64_t at = 0; at + in_row < run.elements; at += in_row, in_row = width_, ++row)
      if (simd::distances(dtype, a + at * item, b + at * item, in_row, tolerance_).differing > 0) return row;
    return row;  // in none before the last
  }

  const PartPair& pair_;
  TokenRange range_;
  double tolerance_;
  Tensor a32_, b32_;
  bool floats_ = false;
  std::uint64_t elements_ = 0, width_ = 1, tokens_ = 0;
};

/// Rows of sequence `b`. An array that is no batch starts with the same token in all of its sequences.
SequenceRows rows_of(const LogicalPart& part, std::size_t b) {
  return part.sequences.empty() ? SequenceRows{0, part.first_token.value_or(0)} : part.sequences[b];
}

/// Both over tokens, and at least one a batch: cut each sequence.
void cut_sequences(const LogicalPart& a, const LogicalPart& b, PartPair& pair) {
  const auto batch = static_cast<std::size_t>(a.tensor.dim(0));
  bool held = false;
  bool shared = false;
  for (std::size_t i = 0; i < batch; ++i) {
    const SequenceRows ra = rows_of(a, i);
    const SequenceRows rb = rows_of(b, i);
    const std::int64_t end_a = ra.first_token + a.tensor.dim(2) - ra.begin;
    const std::int64_t end_b = rb.first_token + b.tensor.dim(2) - rb.begin;
    const std::int64_t first = std::max(ra.first_token, rb.first_token);
    const std::int64_t rows = std::max<std::int64_t>(0, std::min(end_a, end_b) - first);
    held = held || end_a > ra.first_token || end_b > rb.first_token;
    shared = shared || rows > 0;
    // Without a token in both there is no row to start from: 0, which every array has.
    pair.sequences.push_back(
        rows == 0 ? SequencePair{}
                  : SequencePair{ra.begin + first - ra.first_token, rb.begin + first - rb.first_token, rows, first});
  }
  if (held && !shared) pair.why_not = "no token is in both";
}

/// Keys or values of a batch, or of one that can be told from it by its class only.
bool over_tokens(const LogicalPart& part) {
  return part.tensor.rank() == 4 && (part.first_token || part.sequences.size() == static_cast<std::size_t>(part.tensor.dim(0)));
}

/// But for how many rows they have.
bool same_but_rows(const Tensor& a, const Tensor& b) {
  return a.dim(0) == b.dim(0) && a.dim(1) == b.dim(1) && a.dim(3) == b.dim(3);
}

PartPair cut(const LogicalPart& a, const LogicalPart& b) {
  PartPair pair{a.name, a.tensor, b.tensor, a.first_token, {}};
  const bool batches =
      (!a.sequences.empty() || !b.sequences.empty()) && over_tokens(a) && over_tokens(b) && same_but_rows(a.tensor, b.tensor);
  if (batches) {
    cut_sequences(a, b, pair);
    if (!pair.why_not.empty()) return pair;
  } else if (a.first_token && b.first_token && a.tensor.rank() == 4 && b.tensor.rank() == 4) {
    const std::int64_t first = std::max(*a.first_token, *b.first_token);
    const std::int64_t end = std::min(*a.first_token + a.tensor.dim(2), *b.first_token + b.tensor.dim(2));
    if (end < first) {
      pair.why_not = "no token is in both";
      return pair;
    }
    pair.a = a.tensor.slice(2, first - *a.first_token, end - *a.first_token);
    pair.b = b.tensor.slice(2, first - *b.first_token, end - *b.first_token);
    pair.first_token = first;
  }
  if (!batches && pair.a.shape() != pair.b.shape())
    pair.why_not = fmt::format("shapes {} and {}", to_string(pair.a.shape()), to_string(pair.b.shape()));
  else if (pair.a.dtype() != pair.b.dtype() && !(is_float(pair.a.dtype()) && is_float(pair.b.dtype())))
    pair.why_not = fmt::format("dtypes {} and {}", name(pair.a.dtype()), name(pair.b.dtype()));
  return pair;
}

}  // namespace

std::vector<PartPair> pair_parts(const std::vector<LogicalPart>& a, const std::vector<LogicalPart>& b) {
  std::vector<PartPair> pairs;
  for (const LogicalPart& part : a) {
    if (!part.tensor.defined()) continue;
    const auto twin =
        std::find_if(b.begin(), b.end(), [&](const LogicalPart& p) { return p.name == part.name && p.tensor.defined(); });
    if (twin != b.end())
      pairs.push_back(cut(part, *twin));
    else
      pairs.push_back({part.name, {}, {}, std::nullopt, "only the first cache has it"});
  }
  for (const LogicalPart& part : b)
    if (part.tensor.defined() &&
        std::none_of(a.begin(), a.end(), [&](const LogicalPart& p) { return p.name == part.name && p.tensor.defined(); }))
      pairs.push_back({part.name, {}, {}, std::nullopt, "only the second cache has it"});
  return pairs;
}

std::uint64_t compared_bytes(const PartPair& pair) {
  if (!pair.why_not.empty()) return 0;
  if (pair.sequences.empty()) return pair.a.nbytes() + pair.b.nbytes();
  std::uint64_t rows = 0;
  for (const SequencePair& s : pair.sequences) rows += static_cast<std::uint64_t>(s.rows);
  const auto row = static_cast<std::uint64_t>(pair.a.dim(1)) * static_cast<std::uint64_t>(pair.a.dim(3));
  return rows * row * (item_size(pair.a.dtype()) + item_size(pair.b.dtype()));
}

ValueDifference compare_values(const PartPair& pair, const CompareOptions& options, ProgressMeter& meter) {
  ValueDifference out;
  out.part = pair.name;
  out.why_not = pair.why_not;
  if (!pair.why_not.empty()) return out;
  const TokenRange range = token_range(pair);
  Sums<OrderFreeSum> sums;
  const auto add = [&](const PartPair& arrays) {
    const Tiles tiles(arrays, range, options.tolerance);
    scan(
        tiles.count(), options.threads, options.stop,
        [&](std::uint64_t tile) {
          const TileSums partial = tiles.run(tile);
          meter.add(tiles.bytes(tile));
          return partial;
        },
        [&](std::uint64_t, const TileSums& partial) { merge(partial, sums); });
    out.elements += arrays.a.elements();
  };
  if (pair.sequences.empty()) add(pair);
  for (std::size_t i = 0; i < pair.sequences.size(); ++i) {
    const SequencePair& s = pair.sequences[i];
    if (s.rows == 0) continue;
    const auto sequence = static_cast<std::int64_t>(i);
    const auto rows = [&](const Tensor& array, std::int64_t begin) {
      return array.slice(0, sequence, sequence + 1).slice(2, begin, begin + s.rows);
    };
    const std::int64_t first = sums.first_token;
    add({pair.name, rows(pair.a, s.begin_a), rows(pair.b, s.begin_b), s.first_token, {}});
    if (sums.first_token < first && pair.sequences.size() > 1) out.sequence = sequence;
  }
  out.differing = sums.differing;
  out.max_abs_error = sums.max_abs;
  if (sums.first_token != std::numeric_limits<std::int64_t>::max()) out.first_token = sums.first_token;
  double squares = 0;
  std::uint64_t counted = 0;
  for (std::size_t i = 0; i < compared_stretches; ++i) {
    if (sums.counts[i] == 0) continue;
    squares += sums.squares[i].value();
    counted += sums.counts[i];
    out.profile.push_back(std::sqrt(sums.squares[i].value() / static_cast<double>(sums.counts[i])));
  }
  out.rms_error = counted == 0 ? 0 : std::sqrt(squares / static_cast<double>(counted));
  if (!is_float(pair.a.dtype()) && out.differing != 0) {
    out.max_abs_error = out.rms_error = std::numeric_limits<double>::quiet_NaN();
    out.profile.clear();
  }
  return out;
}

}  // namespace kvcache::detail

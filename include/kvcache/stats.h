// Statistics of the values in a cache, layer by layer, in one pass over its data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace [[gnu::visibility("default")]] kvcache {

/// How often values fall into equal bins of [low, high). The range is the mean and four standard deviations around it of a
/// sample that is spread over the array, so that a few outliers do not squeeze everything else into one bin.
struct Histogram {
  double low = 0;                     ///< where the first bin begins
  double high = 0;                    ///< where the last one ends
  std::vector<std::uint64_t> counts;  ///< of each bin
  std::uint64_t below = 0;            ///< finite values below the range
  std::uint64_t above = 0;            ///< finite values above it
};

/// A channel (one column of one head) whose values are much larger than those of the others.
struct OutlierChannel {
  std::int64_t head = 0;     ///< index
  std::int64_t channel = 0;  ///< column of that head
  double ratio = 0;          ///< its mean magnitude over the median of all channels'; infinite where that is beyond floats
};

/// One array of a layer. Only what stands for tokens counts: no left padding, no rows of a buffer beyond the offset. A
/// quantized array counts by its decoded values, a batch by all of its sequences together.
struct ArrayStats {
  std::string part;            ///< "keys", "values", "slot 1"; of a list "child 0 keys"
  std::string why_not;         ///< not counted: "U32 codes that are not decoded"; all that follows is then empty
  std::uint64_t count = 0;     ///< values, of any kind
  std::uint64_t nan = 0;       ///< values that are no number
  std::uint64_t infinite = 0;  ///< of either sign
  std::uint64_t zeros = 0;     ///< of either sign
  double min = 0;              ///< of the finite values; 0 where there are none
  double max = 0;              ///< as min
  double mean = 0;             ///< as min
  double deviation = 0;        ///< standard deviation over all of them (not n - 1)
  Histogram histogram;         ///< of the finite values
  /// Heads times columns; 0 where they are not looked at: recurrent state, fewer than 16 tokens, more than 65,536 channels.
  std::int64_t channels = 0;
  std::int64_t outlier_channels = 0;     ///< of at least outlier_ratio
  std::vector<OutlierChannel> outliers;  ///< the largest of them, at most five
  /// Root mean square of the norms of the vectors [D] of all heads and sequences, over equal stretches of all tokens (see
  /// CacheStats::columns); nothing where there is no token. Empty without StatsOptions::columns and for recurrent state.
  std::vector<std::optional<float>> norms;
  /// Values that are numbers.
  [[nodiscard]] std::uint64_t finite() const { return count - nan - infinite; }
};

/// Four times the median: far above what chance does, and below what real models have in some channels of their keys.
inline constexpr double outlier_ratio = 4;

/// The arrays of one layer.
struct LayerStats {
  std::size_t layer = 0;           ///< index
  std::vector<ArrayStats> arrays;  ///< in the order of the state; empty for a layer that was never used
};

/// What statistics() found.
struct CacheStats {
  std::vector<LayerStats> layers;  ///< one for each of the cache
  std::int64_t first_token = 0;    ///< positions [first_token, end_token) that norms cover: all tokens that any layer holds
  std::int64_t end_token = 0;      ///< see first_token
  std::size_t columns = 0;         ///< stretches of norms: as many as asked for, or as there are positions
};

/// What to gather beside the figures.
struct StatsOptions {
  std::size_t columns = 0;  ///< most stretches of norms; 0: none
  unsigned threads = 0;     ///< 0: as many as there are cores
  Progress progress;        ///< bytes
  StopToken stop = {};      ///< looked at between parts of arrays
};

/// Reads everything once, with bounded memory; the result is the same whatever the number of threads. What cannot be counted
/// says why; throws Error(io) when reading fails.
[[nodiscard]] CacheStats statistics(const PromptCache& cache, const StatsOptions& options = {});

}  // namespace kvcache

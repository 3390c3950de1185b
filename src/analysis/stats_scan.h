// Counting the values of some arrays, side by side on several threads.
#pragma once

#include <span>

#include "analysis/stats_arrays.h"
#include "kvcache/stats.h"
#include "safetensors/progress_meter.h"

namespace kvcache::detail {

/// Stretches of token positions [first, end).
struct Columns {
  std::int64_t first = 0, end = 0;
  std::size_t count = 0;
  [[nodiscard]] std::size_t of(std::int64_t token) const {
    return static_cast<std::size_t>(static_cast<std::uint64_t>(token - first) * count /
                                    static_cast<std::uint64_t>(end - first));
  }
};

/// Bytes of the values of an array, decoded.
[[nodiscard]] std::uint64_t bytes_of(const CountedArray& array);

/// Statistics of each array. `meter` counts their values' bytes. Memory: some percent of
/// the arrays' bytes, so give not too many at once; for a single one however large it is bounded.
[[nodiscard]] std::vector<ArrayStats> scan_arrays(std::span<const CountedArray> arrays, const Columns& columns,
                                                  const StatsOptions& options, ProgressMeter& meter);

}  // namespace kvcache::detail

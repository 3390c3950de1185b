// The range of a histogram, from a sample.
#pragma once

#include "analysis/stats_arrays.h"
#include "tensor/value_stats.h"

namespace kvcache::detail {

/// Looks at up to 32 stretches of at most 512 values, evenly spread: a function of the array alone.
[[nodiscard]] ValueRange range_of(const CountedArray& array);

}  // namespace kvcache::detail

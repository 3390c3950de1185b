// Comparing two arrays value by value, in tiles.
#pragma once

#include <string>
#include <vector>

#include "kvcache/compare.h"
#include "safetensors/progress.h"
#include "verify/logical_layer.h"

namespace kvcache::detail {

/// Two arrays of equal shape that stand for the same tokens; or why there are none.
struct PartPair {
  std::string name;
  Tensor a, b;
  std::optional<std::int64_t> first_token;
  std::string why_not;
};

/// Match parts by name and cut them to the tokens that both hold.
[[nodiscard]] std::vector<PartPair> pair_parts(const std::vector<LogicalPart>& a, const std::vector<LogicalPart>& b);

/// What compare_values() reads of a pair, in bytes: what `meter` counts.
[[nodiscard]] std::uint64_t compared_bytes(const PartPair& pair);
[[nodiscard]] ValueDifference compare_values(const PartPair& pair, const CompareOptions& options, ProgressMeter& meter);

}  // namespace kvcache::detail

// Comparing two arrays value by value, in tiles.
#pragma once

#include <string>
#include <vector>

#include "analysis/logical_layer.h"
#include "kvcache/compare.h"
#include "safetensors/progress_meter.h"

namespace kvcache::detail {

/// Rows of one sequence of a batch that stand for the same tokens in both arrays.
struct SequencePair {
  std::int64_t begin_a = 0, begin_b = 0;
  std::int64_t rows = 0;
  std::int64_t first_token = 0;  ///< position of the first of them
};

/// Two arrays that stand for the same tokens: of equal shape, or batches with what is compared of each sequence; or why there
/// are none.
struct PartPair {
  std::string name;
  Tensor a, b;
  std::optional<std::int64_t> first_token;
  std::string why_not;
  std::vector<SequencePair> sequences = {};  ///< [B], of batches over tokens; else empty
};

/// Match parts by name and cut them to the tokens that both hold.
[[nodiscard]] std::vector<PartPair> pair_parts(const std::vector<LogicalPart>& a, const std::vector<LogicalPart>& b);

/// What compare_values() reads of a pair, in bytes: what `meter` counts.
[[nodiscard]] std::uint64_t compared_bytes(const PartPair& pair);
[[nodiscard]] ValueDifference compare_values(const PartPair& pair, const CompareOptions& options, ProgressMeter& meter);

}  // namespace kvcache::detail

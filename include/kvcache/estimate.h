// What a cache of so many tokens costs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kvcache/dtype.h"
#include "kvcache/prompt_cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// What is to be estimated.
struct EstimateRequest {
  std::int64_t tokens = 0;   ///< of each sequence
  std::int64_t batch = 1;    ///< sequences
  Dtype dtype = Dtype::F16;  ///< of plain keys and values
  std::optional<int> bits;   ///< of the plain layers; windows, chunks and recurrent state stay plain
  int group_size = 64;       ///< values that share a scale
};

/// Bytes of the arrays of one layer, as nbytes() would count them. Recurrent state whose shape is not known counts as 0. Throws
/// Error(usage) for what no file can hold: 2^63 bytes and more.
[[nodiscard]] std::uint64_t estimate_bytes(const LayerSpec& layer, const EstimateRequest& request);
/// The sum over all layers.
[[nodiscard]] std::uint64_t estimate_bytes(std::span<const LayerSpec> layers, const EstimateRequest& request);

/// A plain layer whose keys or values cannot be quantized in such groups: it is counted as it is.
[[nodiscard]] bool has_odd_width(const LayerSpec& layer, int group_size);

/// What the layers of an existing cache are, for estimates "like this file".
[[nodiscard]] std::vector<LayerSpec> layer_specs(const PromptCache& cache);

}  // namespace kvcache

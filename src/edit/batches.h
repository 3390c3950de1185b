// Several caches that become one: what they have in common, and what of them is lost.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kvcache/document.h"

namespace kvcache::detail {

/// Eras that could have written all of them, so that batching does not change the format; where there is none, those of the
/// first. At least one document.
[[nodiscard]] EraSet common_candidates(std::span<const Document* const> documents);

/// One sentence for each file whose user metadata are not those of the first one, which are all that a batch keeps.
[[nodiscard]] std::vector<std::string> lost_metadata(std::span<const Document* const> documents);

/// What a batch of windows cannot hold, one sentence, or nothing: a BatchRotatingKVCache has no keep, so that pinned tokens are
/// evicted like all others from then on.
[[nodiscard]] std::vector<std::string> lost_pins(const PromptCache& cache);

}  // namespace kvcache::detail

// What a cache knows about the prompt that a stamp tells of.
#pragma once

#include <cstdint>
#include <optional>

#include "kvcache/prompt_cache.h"

namespace kvcache::detail {

/// Tokens of the cache; nothing where no layer counts any (recurrent state alone).
[[nodiscard]] std::optional<std::int64_t> counted_tokens(const PromptCache& cache);
/// Sequences of the first layer that knows; 1 where none does.
[[nodiscard]] std::int64_t sequences(const PromptCache& cache);

}  // namespace kvcache::detail

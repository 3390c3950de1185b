// A prompt-cache file whose tokens are kept beside it: does it hold as many as it says, and what of it does a prompt need?
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "foreign/foreign_format.h"
#include "kvcache/document.h"

namespace kvcache::foreign {

/// Tokens at the front that both have.
[[nodiscard]] std::int64_t common_prefix(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

/// Tokens of every layer that counts them. Throws Error(impossible) where two disagree, or where it is a batch.
[[nodiscard]] std::optional<std::int64_t> agreed_tokens(const PromptCache& cache);

/// That every layer that counts tokens has seen as many as there are ids: a stamp with others would be a lie. Ids that are not
/// known are none. Throws Error(impossible, code KV908) with both numbers.
void require_seen(const PromptCache& cache, std::span<const std::int32_t> ids);

/// Servers save a prompt with its last token or without it: the cache has seen `ids` or all but one. Returns those that it
/// holds. Throws Error(impossible) with both numbers.
[[nodiscard]] std::vector<std::int32_t> ids_held(const PromptCache& cache, std::span<const std::int32_t> ids);

/// Layers whose window is full, begins with a row of zeros and has no pinned rows: taking a token off a wrapped window leaves
/// such a row behind, and attention sees it. Reads one row of each.
[[nodiscard]] std::vector<std::int64_t> windows_with_zero_row(const PromptCache& cache);

/// Cuts a cache that holds `ids` to what `wanted` begins with. Throws Error(impossible) where it cannot be cut.
void cut_to_prompt(PromptCache& cache, std::vector<std::int32_t>& ids, std::span<const std::int32_t> wanted);

}  // namespace kvcache::foreign

// Changing user metadata: which keys every runtime returns as they were stored.
#pragma once

#include <string>

#include "kvcache/prompt_cache.h"

namespace kvcache::detail {

/// Throws Error(usage) for what is not UTF-8, for a key that mlx-lm returns as something else (docs/formats.md, "User
/// metadata"), unless `force`; and always for the keys of mlx-swift-lm's model state, which only that runtime may write.
void set_metadata(PromptCache& cache, const std::string& key, const std::string& value, bool force);
/// Throws Error(impossible) where there is no such key.
void unset_metadata(PromptCache& cache, const std::string& key);

}  // namespace kvcache::detail

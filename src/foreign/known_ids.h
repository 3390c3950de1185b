// Token ids of a prompt-cache file, wherever a program has put them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/prompt_cache.h"

namespace kvcache::foreign {

/// The ids of its stamp; else those of the tokens that it holds, as pull request 1218 of mlx-lm has them in the metadata
/// (tokens_b64), or as vllm-mlx and Rapid-MLX have them beside the file (STEM_tokens.bin). Nothing where there are none.
/// `path`: of the file; nothing is beside what is none. Throws Error(unreadable) for ids that are broken, and Error(impossible)
/// where the cache holds another number of tokens.
[[nodiscard]] std::optional<std::vector<std::int32_t>> known_ids(const PromptCache& cache, const std::string& path);

}  // namespace kvcache::foreign

// Token ids of a prompt-cache file, wherever a program has put them, and what ids alone do not tell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign {

/// The ids of its stamp; else those of the tokens that it holds, as pull request 1218 of mlx-lm has them in the metadata
/// (tokens_b64), or as vllm-mlx and Rapid-MLX have them beside the file (STEM_tokens.bin). Nothing where there are none.
/// `path`: of the file; nothing is beside what is none. Throws Error(unreadable) for ids that are broken, and Error(impossible)
/// where the cache holds another number of tokens.
[[nodiscard]] std::optional<std::vector<std::int32_t>> known_ids(const PromptCache& cache, const std::string& path);

/// What the prompt is made of beside its ids, images, as the server that it comes from tells them apart: "apc_extra_hash=77",
/// from the user metadata that an import has left. Empty: nothing is known of any.
[[nodiscard]] std::string beside_ids(const Metadata& user);
/// Their keys in the metadata.
inline constexpr std::string_view apc_images_key = "apc_extra_hash";
inline constexpr std::string_view omlx_images_key = "omlx_extra_keys";

}  // namespace kvcache::foreign

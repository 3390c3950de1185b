// Which files of a model's folder are digested.
#pragma once

#include <array>
#include <string_view>

namespace kvcache::detail {

/// config.json, and what tokenizers of all kinds read: the same text gives other tokens when one of them changes. Weights are
/// not among them: too large, and a fine-tuned model is told by its config or not at all.
inline constexpr auto model_files = std::to_array<std::string_view>(
    {"config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
     "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "tiktoken.model", "qwen.tiktoken"});

}  // namespace kvcache::detail

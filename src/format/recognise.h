// Is it a prompt cache at all? For files that may be broken.
#pragma once

#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// Whether a file says that it is a prompt cache, intact or not: it names a class that some runtime has, or every tensor is one
/// of mlx-lm 0.18's. Stricter than decode(), which takes whatever comes close in order to explain it: this is for who deletes
/// files.
[[nodiscard]] bool is_surely_prompt_cache(const Header& header);

}  // namespace kvcache::detail

// Is it a prompt cache at all? For files that may be broken.
#pragma once

#include <string>
#include <string_view>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// Whether a file says that it is a prompt cache, intact or not: it names a class that some runtime has, or every tensor is one
/// of mlx-lm 0.18's. Stricter than decode(), which takes whatever comes close in order to explain it: this is for who deletes
/// files.
[[nodiscard]] bool is_surely_prompt_cache(const Header& header);

/// Whether it looks as if it were to be one: for who looks for files to check, where damage may have taken the rest.
[[nodiscard]] bool claims_to_be_cache(const Header& header);

/// A block of omlx's paged cache, which is of no use alone: it says so in its metadata.
[[nodiscard]] bool is_omlx_block(const Header& header);

/// What a file holds that does not claim to be a cache: "model weights", "token ids".
[[nodiscard]] std::string_view contents_in_words(const Header& header);

/// What the file is that was refused with `code`, where it does not claim to be a cache: "a GGUF model". Nothing for a damaged
/// cache, for what stands for a file that may be one, and for what cannot be told, which may have been one; without
/// `named_as_cache` what cannot be told is something else. Looks at the file again.
[[nodiscard]] std::string something_else(const std::string& path, std::string_view code, bool named_as_cache);
/// The same of what is open already.
[[nodiscard]] std::string something_else(const ByteSource& source, std::string_view code, bool named_as_cache);

}  // namespace kvcache::detail

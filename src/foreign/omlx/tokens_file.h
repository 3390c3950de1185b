// The ids of a block, which omlx writes beside it on request: with them a prompt is known without its user.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foreign/json_text.h"

namespace kvcache::foreign::omlx {

struct TokensFile {
  std::string hash, parent;  ///< parent: empty at the root
  std::string model;
  std::int64_t token_start = 0;
  std::vector<std::int32_t> ids;
  std::vector<std::string> media;  ///< fingerprints of images
};

/// Throws Error(unreadable) for what is none. `stem`: of the file's name.
[[nodiscard]] TokensFile parse_tokens_file(std::string_view json, std::string_view stem);

/// Extra keys with which the ids have this hash: none, those of the block before, or its own media. Nothing where no keys
/// lead to it: the ids are not those of the block.
[[nodiscard]] std::optional<std::vector<std::string>> proving_keys(const TokensFile& file,
                                                                   std::span<const std::string> keys_before);

}  // namespace kvcache::foreign::omlx

// kvcache inspect of what another project has left: a block, an entry, a folder.
#pragma once

#include <string>
#include <vector>

#include "cli/render/json.h"
#include "kvcache/safetensors.h"

namespace kvcache::cli {

/// What there is to say about it, or about each place below a folder; nothing for an ordinary file or folder.
[[nodiscard]] std::vector<Json> inspect_foreign(const std::string& path);
/// The same of a file that was opened as a cache.
[[nodiscard]] std::vector<Json> inspect_foreign(const std::string& path, const Header& header);
/// One of them in words.
[[nodiscard]] std::string foreign_text(const Json& document);

}  // namespace kvcache::cli

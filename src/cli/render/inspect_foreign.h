// kvcache inspect of what another project has left: a block, an entry, a folder.
#pragma once

#include <optional>
#include <string>

#include "cli/render/json.h"

namespace kvcache::cli {

/// What there is to say about it; nothing for an ordinary file.
[[nodiscard]] std::optional<Json> inspect_foreign(const std::string& path);
/// The same in words.
[[nodiscard]] std::string foreign_text(const Json& document);

}  // namespace kvcache::cli

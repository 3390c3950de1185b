// Names with * and ?, as shells match them.
#pragma once

#include <string>

namespace kvcache::detail {

/// Whether a pattern of a shell matches all of `text`. `across_folders`: * and ? match slashes, too.
[[nodiscard]] bool glob_matches(const std::string& pattern, const std::string& text, bool across_folders) noexcept;

}  // namespace kvcache::detail

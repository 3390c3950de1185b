// How many columns of a terminal text takes.
#pragma once

#include <cstddef>
#include <string_view>

namespace kvcache::cli {

/// Columns of UTF-8 text without control characters, but for the colours that Style puts there, which take none: two for each
/// character of Chinese, Japanese and Korean and for emoji, none for accents that are combined with what is before them.
[[nodiscard]] std::size_t columns(std::string_view text);

}  // namespace kvcache::cli

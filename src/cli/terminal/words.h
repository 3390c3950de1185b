// Small pieces of text output: numbers for people, paragraphs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/count_of.h"
#include "common/human.h"
#include "common/ranges.h"

namespace kvcache::cli {

/// Text output keeps to this many columns.
inline constexpr std::size_t text_width = 80;

/// A path as it is shown: escaped, and never nothing.
[[nodiscard]] std::string shown_path(const std::string& path);
using detail::count_of;
using detail::human_bytes;
using detail::layers_text;
using detail::ranges;
/// Columns that UTF-8 text takes, one per code point.
[[nodiscard]] std::size_t columns(std::string_view text);
/// Lines of at most `width` columns, broken at spaces outside of `commands`; a longer word gets a line of its own. Line breaks
/// are kept. At least one line.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);

}  // namespace kvcache::cli

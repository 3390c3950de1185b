// Small pieces of text output: numbers for people, paragraphs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal/display_width.h"
#include "cli/terminal/width.h"
#include "common/count_of.h"
#include "common/human.h"
#include "common/ranges.h"

namespace kvcache::cli {

/// A path as it is shown: escaped, and never nothing.
[[nodiscard]] std::string shown_path(const std::string& path);
using detail::count_of;
using detail::human_bytes;
using detail::layers_text;
using detail::ranges;

/// "1.2 GB"
[[nodiscard]] inline std::string size_of(std::uint64_t bytes) {
  return human_bytes(static_cast<double>(bytes));
}
/// Lines of at most `width` columns, broken at blanks outside of `commands`; a longer word gets a line of its own, and a
/// command that is longer is continued as a shell takes it, with a backslash. Line breaks are kept. At least one line. `room`:
/// columns that the first line has more.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width, std::size_t room = 0);
/// Wrapped at `width`, with all lines but the first indented by this much. No line break at its end.
[[nodiscard]] std::string hanging(std::string_view text, std::size_t width, std::size_t indent = 4);

/// A paragraph for standard output: wrapped, with one line break at its end.
[[nodiscard]] std::string paragraph(std::string_view text);

}  // namespace kvcache::cli

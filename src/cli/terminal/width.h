// How wide text may be.
#pragma once

#include <cstddef>
#include <cstdio>
#include <limits>

namespace kvcache::cli {

/// A width that nothing exceeds.
inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// For tables and paragraphs: the columns of the stream's terminal, else COLUMNS, else 80. Never less than 20: narrower, there
/// is nothing to be laid out.
[[nodiscard]] std::size_t text_width(std::FILE* stream = stdout);

/// For what is one line to a program (an error, a finding, a hint): it is wrapped for people at a terminal alone.
[[nodiscard]] std::size_t line_width(std::FILE* stream);

}  // namespace kvcache::cli

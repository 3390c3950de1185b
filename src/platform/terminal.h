// Is somebody watching, and how much do they see?
#pragma once

#include <cstddef>
#include <cstdio>

namespace kvcache::detail {

[[nodiscard]] bool is_terminal(std::FILE* stream) noexcept;

/// Columns of the terminal behind a stream, as they are now: windows change. 0 for what is no terminal, or does not know.
[[nodiscard]] std::size_t terminal_columns(std::FILE* stream) noexcept;

}  // namespace kvcache::detail

// Standard output: the only way results leave the tool.
#pragma once

#include <string_view>

namespace kvcache::cli {

/// Buffered. Throw Error(io) when standard output cannot take it (disk full, closed pipe); once that happened, do nothing.
void print(std::string_view text);
void flush_stdout();

/// The error was that nobody reads any more, as in `kvcache inspect x | head -1`: main then ends with exit code 5 without a
/// word.
[[nodiscard]] bool reader_is_gone() noexcept;

}  // namespace kvcache::cli

// Text from files, made safe for terminals, and words of command lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] kvcache {

/// Printable form of text from a file, cut to `limit` characters. Escaped are control characters (C0, DEL, C1), what breaks or
/// reorders lines (U+2028-202E, U+2066-2069) and invalid UTF-8.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 80);

/// A word of a command line that can be pasted into a shell as it is: quoted where it has to be, control characters and invalid
/// UTF-8 as $'\033', never cut.
[[nodiscard]] std::string shell_word(std::string_view text);
/// The same for a path: never taken for an option, FILE for standard input, which no second command can read.
[[nodiscard]] std::string shell_path(std::string_view path);

}  // namespace kvcache

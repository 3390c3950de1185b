// Hints are commands to paste: the names in them are those of the files at work.
#pragma once

#include <string>
#include <string_view>

namespace kvcache::detail {

/// The hint of an error with `file` for the word FILE and, for the OUT of `-o OUT`, a new name beside it. Without a file, and
/// for standard input, which has no name, it stays as it is.
[[nodiscard]] std::string with_names(std::string_view hint, const std::string& file);

}  // namespace kvcache::detail

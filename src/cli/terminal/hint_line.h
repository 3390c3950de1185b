// Hints as they are printed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kvcache::cli {

/// A line of its own for a hint, behind a (painted) prefix, without a line break at its end. A command stays one that can be
/// pasted where it is wrapped.
[[nodiscard]] std::string hint_line(std::string_view prefix, std::string_view hint, std::size_t width);

}  // namespace kvcache::cli

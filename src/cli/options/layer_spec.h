// Which layers of a cache are meant: by --layers, or by what they hold.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace kvcache::cli {

/// "0,5-9" these, "4-" from 4 on, "-1" or "last" the last one, "-3-" the last three, "!0,!-1" all but the first and the last.
/// Blanks around commas do not matter. One flag per layer. Throws Error(usage) for anything else, among it layers beside
/// exclusions, a range that runs backwards, a layer that is not there, and what leaves none.
[[nodiscard]] std::vector<bool> parse_layers(std::string_view spec, std::size_t layers);

}  // namespace kvcache::cli

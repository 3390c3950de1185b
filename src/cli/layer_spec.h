// --layers: which layers of a cache are meant.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace kvcache::cli {

/// "0,5-9" these, "4-" from 4 on, "-3" up to 3, "!0" all but 0; "0-9,!4" these but not 4. One flag per layer.
/// Throws Error(usage) for anything else and for a layer that is not there.
[[nodiscard]] std::vector<bool> parse_layers(std::string_view spec, std::size_t layers);

}  // namespace kvcache::cli

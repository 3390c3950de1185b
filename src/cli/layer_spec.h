// Which layers of a cache are meant: by --layers, or by what they hold.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "kvcache/prompt_cache.h"

namespace kvcache::cli {

/// "0,5-9" these, "4-" from 4 on, "-3" up to 3, "!0" all but 0; "0-9,!4" these but not 4. One flag per layer.
/// Throws Error(usage) for anything else and for a layer that is not there.
[[nodiscard]] std::vector<bool> parse_layers(std::string_view spec, std::size_t layers);

/// Layers that are, or have in a list at any depth, a cache of which `holds` is true.
[[nodiscard]] std::vector<std::size_t> layers_holding(const PromptCache& cache, const std::function<bool(const Cache&)>& holds);

}  // namespace kvcache::cli

// Indices in messages.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kvcache::detail {

/// "0-3, 7" of ascending indices.
[[nodiscard]] std::string ranges(const std::vector<std::size_t>& indices);
/// "layer 3", "layers " and their ranges
[[nodiscard]] std::string layers_text(const std::vector<std::size_t>& layers);

}  // namespace kvcache::detail

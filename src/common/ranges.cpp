#include "common/ranges.h"

#include <fmt/format.h>

namespace kvcache::detail {

std::string layers_text(const std::vector<std::size_t>& layers) {
  return fmt::format("layer{} {}", layers.size() == 1 ? "" : "s", ranges(layers));
}

std::string ranges(const std::vector<std::size_t>& indices) {
  std::string out;
  for (std::size_t i = 0; i < indices.size();) {
    std::size_t last = i;
    while (last + 1 < indices.size() && indices[last + 1] == indices[last] + 1) ++last;
    if (!out.empty()) out += ", ";
    out += last == i ? fmt::format("{}", indices[i]) : fmt::format("{}-{}", indices[i], indices[last]);
    i = last + 1;
  }
  return out;
}

}  // namespace kvcache::detail

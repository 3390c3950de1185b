#include "tensor/position.h"

#include <fmt/format.h>

namespace kvcache {

std::string describe_position(const Shape& shape, std::uint64_t element) {
  Shape index(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const auto dim = static_cast<std::uint64_t>(shape[axis]);
    index[axis] = static_cast<std::int64_t>(element % dim);
    element /= dim;
  }
  if (shape.size() != 4) return fmt::format("index {}", to_string(index));
  return fmt::format("sequence {}, head {}, token {}", index[0], index[1], index[2]);
}

}  // namespace kvcache

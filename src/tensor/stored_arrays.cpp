#include "tensor/stored_arrays.h"

#include <algorithm>

namespace kvcache::detail {

Tensor StoredArrays::tensor(const std::shared_ptr<const StoredArrays>& arrays, std::size_t index, Dtype dtype, Shape shape) {
  // Nodes never meet an array without elements.
  if (std::ranges::find(shape, 0) != shape.end()) return Tensor::zeros(dtype, std::move(shape));
  return {NodePtr(arrays, &arrays->nodes_[index]), dtype, std::move(shape)};
}

}  // namespace kvcache::detail

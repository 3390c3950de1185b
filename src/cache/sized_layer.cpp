#include "cache/sized_layer.h"

#include <utility>

#include "cache/kv_arrays.h"
#include "kvcache/caches.h"

namespace kvcache::detail {
namespace {

std::unique_ptr<Cache> sized_slots(const ArraysCache& layer, std::int64_t batch, const ArraysCache& beside) {
  ArraysCache::State state = layer.state();
  state.slots.clear();
  for (const Tensor& slot : beside.state().slots) state.slots.push_back(slot.defined() ? zeros_for(slot, batch) : Tensor());
  if (beside.state().left_padding) state.left_padding = Int32s(static_cast<std::size_t>(batch));
  return std::make_unique<ArraysCache>(std::move(state));
}

}  // namespace

std::unique_ptr<Cache> sized_layer(const Cache& layer, std::int64_t batch, const Cache& beside) {
  if (const auto* list = dynamic_cast<const CacheList*>(&layer)) {
    const auto* others = dynamic_cast<const CacheList*>(&beside);
    if (others == nullptr || others->children().size() != list->children().size()) return layer.copy();
    std::vector<std::unique_ptr<Cache>> children;
    for (std::size_t i = 0; i < list->children().size(); ++i)
      children.push_back(sized_layer(*list->children()[i], batch, *others->children()[i]));
    return std::make_unique<CacheList>(std::move(children));
  }
  if (layer.batch_size() || !beside.batch_size()) return layer.copy();
  const Int32s no_padding(static_cast<std::size_t>(batch));
  if (const auto* slots = dynamic_cast<const ArraysCache*>(&layer)) {
    if (const auto* others = dynamic_cast<const ArraysCache*>(&beside)) return sized_slots(*slots, batch, *others);
  } else if (dynamic_cast<const BatchKVCache*>(&layer) != nullptr) {
    return std::make_unique<BatchKVCache>(no_padding);
  } else if (const auto* window = dynamic_cast<const BatchRotatingKVCache*>(&layer)) {
    return std::make_unique<BatchRotatingKVCache>(window->state().max_size, no_padding);
  }
  return layer.copy();
}

}  // namespace kvcache::detail

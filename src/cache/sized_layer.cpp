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
  using Layer = std::unique_ptr<Cache>;
  const auto unsized = [&] { return !layer.batch_size() && beside.batch_size(); };
  const Int32s no_padding(static_cast<std::size_t>(batch));
  return visit(layer,
               PerClass{[&](const CacheList& list) -> Layer {
                          const auto* others = as<CacheList>(beside);
                          if (others == nullptr || others->children().size() != list.children().size()) return list.copy();
                          std::vector<Layer> children;
                          for (std::size_t i = 0; i < list.children().size(); ++i)
                            children.push_back(sized_layer(*list.children()[i], batch, *others->children()[i]));
                          return std::make_unique<CacheList>(std::move(children));
                        },
                        [&](const ArraysCache& slots) -> Layer {
                          const auto* others = as<ArraysCache>(beside);
                          if (!unsized() || others == nullptr) return slots.copy();
                          return sized_slots(slots, batch, *others);
                        },
                        [&](const BatchKVCache& same) -> Layer {
                          if (!unsized()) return same.copy();
                          return std::make_unique<BatchKVCache>(no_padding);
                        },
                        [&](const BatchRotatingKVCache& window) -> Layer {
                          if (!unsized()) return window.copy();
                          return std::make_unique<BatchRotatingKVCache>(window.state().max_size, no_padding);
                        },
                        // No batches: what cannot be extended says so itself.
                        [](const OneOf<KVCache, RotatingKVCache, QuantizedKVCache, ChunkedKVCache, TurboQuantKVCache,
                                       VarianceNormalizedKVCache, OpaqueCache> auto& other) -> Layer { return other.copy(); }});
}

}  // namespace kvcache::detail

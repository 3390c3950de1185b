#include "cache/map_layers.h"

#include <fmt/format.h>

#include "kvcache/cache/cache_list.h"

namespace kvcache::detail {
namespace {

std::unique_ptr<Cache> mapped(const std::string& place, const Cache& layer, const LayerMap& map, std::size_t& changed) {
  const auto* list = as<CacheList>(layer);
  if (list == nullptr) {
    auto result = map(fmt::format("{} ({})", place, layer.class_name()), layer);
    if (result != nullptr) ++changed;
    return result;
  }
  std::vector<std::unique_ptr<Cache>> children;
  const std::size_t before = changed;
  for (std::size_t i = 0; i < list->children().size(); ++i) {
    const Cache& child = *list->children()[i];
    auto result = mapped(fmt::format("{} child {}", place, i), child, map, changed);
    children.push_back(result != nullptr ? std::move(result) : child.copy());
  }
  if (changed == before) return nullptr;
  return std::make_unique<CacheList>(std::move(children));
}

}  // namespace

std::size_t map_layers(PromptCache& cache, const LayerMap& map) {
  std::vector<std::unique_ptr<Cache>> results;
  std::size_t changed = 0;
  for (std::size_t i = 0; i < cache.layers.size(); ++i)
    results.push_back(mapped(fmt::format("layer {}", i), *cache.layers[i], map, changed));
  for (std::size_t i = 0; i < results.size(); ++i)
    if (results[i] != nullptr) cache.layers[i] = std::move(results[i]);
  return changed;
}

}  // namespace kvcache::detail

// Replacing layers, and children of lists, one by one.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kvcache/prompt_cache.h"

namespace kvcache::detail {

/// Returns what a layer becomes, or nullptr to leave it. `where` names it: "layer 3 (KVCache)", "layer 3 child 1 (KVCache)".
using LayerMap = std::function<std::unique_ptr<Cache>(const std::string& where, const Cache& layer)>;

/// Apply to every layer and to the children of lists. Changes the cache only when nothing throws. Returns how many changed.
std::size_t map_layers(PromptCache& cache, const LayerMap& map);

}  // namespace kvcache::detail

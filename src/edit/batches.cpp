#include "edit/batches.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include "common/ranges.h"
#include "kvcache/caches.h"
#include "kvcache/printable.h"
#include "kvcache/stamp.h"

namespace kvcache::detail {
namespace {

bool pins_tokens(const Cache& leaf) {
  const auto* window = as<RotatingKVCache>(leaf);
  return window != nullptr && window->state().keep > 0;
}

}  // namespace

EraSet common_candidates(std::span<const Document* const> documents) {
  EraSet common = documents.front()->candidates;
  for (const Document* document : documents) common &= document->candidates;
  return common.none() ? documents.front()->candidates : common;
}

std::vector<std::string> lost_metadata(std::span<const Document* const> documents) {
  std::vector<std::string> sentences;
  const auto& kept = documents.front()->cache.metadata;
  for (const Document* document : documents) {
    std::vector<std::string> lost;
    for (const auto& [key, value] : document->cache.metadata) {
      const auto same = kept.find(key);
      if (key != stamp_key && (same == kept.end() || same->second != value)) lost.push_back(printable(key));
    }
    if (lost.empty()) continue;
    const std::string& path = document->file.path();
    sentences.push_back(fmt::format("metadata of {} differ and are left out: {}",
                                    path.empty() ? "''" : printable(path, path.size()), fmt::join(lost, ", ")));
  }
  return sentences;
}

std::vector<std::string> lost_pins(const PromptCache& cache) {
  std::vector<std::size_t> pinned;
  for (std::size_t i = 0; i < cache.layers.size(); ++i)
    if (any_leaf(*cache.layers[i], pins_tokens)) pinned.push_back(i);
  if (pinned.empty()) return {};
  return {fmt::format("a batch of windows cannot pin tokens: keep of {} is dropped", layers_text(pinned))};
}

}  // namespace kvcache::detail

#include "stamp/stamped_prompt.h"

#include <algorithm>

namespace kvcache::detail {
namespace {

bool counts_tokens(const Facts& facts) {
  return facts.tokens || std::ranges::any_of(facts.children, counts_tokens);
}

}  // namespace

std::optional<std::int64_t> counted_tokens(const PromptCache& cache) {
  const auto counts = [](const auto& layer) { return counts_tokens(layer->facts()); };
  if (std::ranges::none_of(cache.layers, counts)) return std::nullopt;
  return token_count(cache);
}

std::int64_t sequences(const PromptCache& cache) {
  for (const auto& layer : cache.layers)
    if (const auto batch = layer->batch_size()) return *batch;
  return 1;
}

}  // namespace kvcache::detail

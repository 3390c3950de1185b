#include "documents/overview.h"

#include <algorithm>

namespace kvcache::documents {

std::optional<double> Overview::bytes_per_token() const {
  if (tokens <= 0) return std::nullopt;
  return static_cast<double>(bytes - unused_bytes) / static_cast<double>(tokens);
}

Overview overview_of(const Document& document) {
  Overview out;
  out.layers.reserve(document.cache.layers.size());
  for (std::size_t i = 0; i < document.cache.layers.size(); ++i) {
    Facts facts = stored_facts(document, i);
    for (const UnusedRows& unused : document.sources[i].unused) out.unused_bytes += unused.bytes;
    out.tokens = std::max(out.tokens, facts.tokens.value_or(0));  // as token_count(), which would ask for all facts once more
    out.bytes += facts.bytes;
    out.padding_bytes += facts.padding_bytes;
    out.trimmable = out.trimmable && facts.trimmable;
    out.layers.push_back(std::move(facts));
  }
  return out;
}

}  // namespace kvcache::documents

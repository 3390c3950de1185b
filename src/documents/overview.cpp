#include "documents/overview.h"

#include <algorithm>

namespace kvcache::documents {

std::optional<double> Totals::bytes_per_token() const {
  if (tokens <= 0) return std::nullopt;
  return static_cast<double>(bytes - unused_bytes) / static_cast<double>(tokens);
}

void Totals::add(const Facts& facts, const LayerSource& source) {
  for (const UnusedRows& rows : source.unused) unused_bytes += rows.bytes;
  tokens = std::max(tokens, facts.tokens.value_or(0));  // as token_count(), which would ask for all facts once more
  bytes += facts.bytes;
  padding_bytes += facts.padding_bytes;
  trimmable = trimmable && facts.trimmable;
}

Overview overview_of(const Document& document) {
  Overview out;
  out.layers.reserve(document.cache.layers.size());
  for (std::size_t i = 0; i < document.cache.layers.size(); ++i) {
    out.layers.push_back(stored_facts(document, i));
    out.add(out.layers.back(), document.sources[i]);
  }
  return out;
}

}  // namespace kvcache::documents

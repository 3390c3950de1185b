// What a layer takes in its file: facts of the cache, and the rows that were left out when it was decoded.
#include <span>

#include "kvcache/format.h"

namespace kvcache {
namespace {

/// `unused` shrinks by what the cache and its children take.
void add(Facts& facts, std::span<const UnusedRows>& unused) {
  if (!facts.children.empty()) {
    facts.bytes = 0;
    facts.padding_bytes = 0;
    for (Facts& child : facts.children) {
      add(child, unused);
      facts.bytes += child.bytes;
      facts.padding_bytes += child.padding_bytes;
    }
    return;
  }
  if (unused.empty()) return;
  if (facts.rows) *facts.rows += unused.front().rows;
  facts.bytes += unused.front().bytes;
  facts.padding_bytes += unused.front().bytes;
  unused = unused.subspan(1);
}

}  // namespace

Facts stored_facts(const Document& document, std::size_t layer) {
  Facts facts = document.cache.layers.at(layer)->facts();
  std::span<const UnusedRows> unused = document.sources.at(layer).unused;
  add(facts, unused);
  return facts;
}

}  // namespace kvcache

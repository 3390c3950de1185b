#include "kvcache/cache/opaque_cache.h"

namespace kvcache {

std::unique_ptr<Cache> OpaqueCache::copy() const {
  return std::make_unique<OpaqueCache>(*this);
}

std::uint64_t OpaqueCache::nbytes() const {
  std::uint64_t bytes = 0;
  for (const Part& part : state_.arrays) bytes += part.tensor.nbytes();
  return bytes;
}

Facts OpaqueCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  facts.bytes = nbytes();
  facts.empty = empty();
  return facts;
}

std::optional<std::string> OpaqueCache::why_not_trimmable() const {
  return "it could not be decoded: " + state_.why;
}

}  // namespace kvcache

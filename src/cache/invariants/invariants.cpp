#include "cache/invariants/invariants.h"

namespace kvcache::detail {

BrokenInvariants broken_invariants(const Cache& cache) {
  return visit(cache,
               PerClass{[](const OneOf<CacheList, OpaqueCache> auto&) { return BrokenInvariants(); },
                        [](const OneOf<KVCache, RotatingKVCache, QuantizedKVCache, ChunkedKVCache, ArraysCache, BatchKVCache,
                                       BatchRotatingKVCache, TurboQuantKVCache, VarianceNormalizedKVCache> auto& typed) {
                          return broken_invariants(typed.state());
                        }});
}

}  // namespace kvcache::detail

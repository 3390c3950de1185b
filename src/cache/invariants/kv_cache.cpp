// Plain keys and values: every row is a token, so that there is no number to contradict them.
#include "cache/invariants/invariants.h"
#include "cache/invariants/keys_and_values.h"

namespace kvcache::detail {

BrokenInvariants broken_invariants(const KVCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, keys_and_values<KVCache::State>, broken);
  return broken;
}

}  // namespace kvcache::detail

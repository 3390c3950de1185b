// The invariants of every class, and refusing by them.
#pragma once

#include "cache/invariants/invariant.h"
#include "kvcache/caches.h"

namespace kvcache::detail {

// What a state breaks, by class.
[[nodiscard]] BrokenInvariants broken_invariants(const KVCache::State& state);
[[nodiscard]] BrokenInvariants broken_invariants(const RotatingKVCache::State& state);
[[nodiscard]] BrokenInvariants broken_invariants(const QuantizedKVCache::State& state);
[[nodiscard]] BrokenInvariants broken_invariants(const ChunkedKVCache::State& state);
[[nodiscard]] BrokenInvariants broken_invariants(const ArraysCache::State& state);
[[nodiscard]] BrokenInvariants broken_invariants(const BatchKVCache::State& state);
[[nodiscard]] BrokenInvariants broken_invariants(const BatchRotatingKVCache::State& state);
[[nodiscard]] BrokenInvariants broken_invariants(const TurboQuantKVCache::State& state);
[[nodiscard]] BrokenInvariants broken_invariants(const VarianceNormalizedKVCache::State& state);

/// The same of a cache. Nothing for a list, whose children have their own, and for a layer that could not be decoded.
[[nodiscard]] BrokenInvariants broken_invariants(const Cache& cache);

/// Why no operation takes a state, or nothing: for classes that say it before they are asked to do anything.
template <class State>
[[nodiscard]] std::optional<std::string> why_not_legal(const State& state) {
  const auto broken = first_that_blocks(broken_invariants(state));
  return broken ? std::optional(refusal_of(*broken)) : std::nullopt;
}

/// Throws Error(impossible) for a state, or a cache, that breaks an invariant which operations rely on.
template <class State>
void check_legal(const State& state) {
  if (const auto broken = first_that_blocks(broken_invariants(state))) refuse(*broken);
}

}  // namespace kvcache::detail

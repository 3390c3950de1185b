// The legal states of the two rings, and what is wrong with others. Operations refuse states that no program can have written
// instead of making files from them that load and decode wrongly.
#pragma once

#include <optional>
#include <string>

#include "kvcache/cache/batch_rotating_kv_cache.h"
#include "kvcache/cache/rotating_kv_cache.h"

namespace kvcache::detail {

/// What a state breaks first, its numbers and the finding code (KV411 to KV414); nothing when it is legal.
[[nodiscard]] std::optional<std::string> ring_defect(const RotatingKVCache::State& state);
/// The same (KV466, KV461 to KV464, and KV309 for the lists).
[[nodiscard]] std::optional<std::string> ring_defect(const BatchRotatingKVCache::State& state);

/// Throws Error(impossible) with the defect.
void check_ring(const RotatingKVCache::State& state);
void check_ring(const BatchRotatingKVCache::State& state);

}  // namespace kvcache::detail

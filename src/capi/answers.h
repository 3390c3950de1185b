// What is said about a cache, made when it is first asked for.
#pragma once

#include "capi/handles.h"

namespace kvcache::capi {

// All of them lock cache.mutex, and return what stays where it is until the cache is changed.

/// Facts of each layer: as the file stores them, or of an edited cache as they are in memory.
[[nodiscard]] const std::vector<Facts>& facts_of(const kvcache_cache& cache);
/// Arrays of one layer. Throws Error(usage) where there is no such layer.
[[nodiscard]] const std::vector<Cache::Part>& arrays_of(const kvcache_cache& cache, std::size_t layer);
/// The document as it was opened, or as an edited cache would be saved.
[[nodiscard]] const Document& as_saved(const kvcache_cache& cache);
[[nodiscard]] const Findings& findings_of(const kvcache_cache& cache);
[[nodiscard]] const Verdict& verdict_of(const kvcache_cache& cache, const std::string& target);

}  // namespace kvcache::capi

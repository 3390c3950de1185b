// How every edit is made: on a copy, which takes the place of the cache when nothing has failed.
#pragma once

#include <utility>

#include "capi/call.h"
#include "capi/handles.h"

namespace kvcache::capi {

/// Throws Error(impossible) for a cache with errors, and for one of a format that is never written.
void require_editable(kvcache_cache& cache, Checked wanted);
/// What was said of it holds no longer.
void edited(kvcache_cache& cache);

template <typename Change>
kvcache_status editing(kvcache_cache* cache, kvcache_error** error, const Change& change, Checked needed = Checked::sound) {
  return calling(error, [&](Call& call) {
    kvcache_cache& of = wanted(cache, "cache");
    call.subject = of.document.file.path();
    require_editable(of, needed);
    PromptCache copy = of.document.cache.copy();
    change(copy);
    of.document.cache = std::move(copy);
    edited(of);
  });
}

}  // namespace kvcache::capi

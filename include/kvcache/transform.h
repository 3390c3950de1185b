// Transformations of whole prompt caches: class and dtype. All lazy; strong guarantee; lists are followed into their
// children unless said otherwise.
#pragma once

#include <cstdint>
#include <memory>

#include "kvcache/prompt_cache.h"
#include "kvcache/quantize.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Turn windows into plain caches: only where nothing was evicted (offset == rows), because keys carry absolute positions.
/// Throws Error(impossible) naming the first layer that has lost tokens. Returns how many layers changed.
std::size_t convert_to_plain(PromptCache& cache);

/// What convert_to_rotating did.
struct WindowsMade {
  std::size_t layers = 0;    ///< that changed
  std::int64_t dropped = 0;  ///< tokens that went, of the layer that lost most
};

/// Turn plain caches into windows of `max_size` tokens that pin the first `keep`. Longer caches lose the tokens between.
/// Throws Error(usage) unless 0 <= keep < max_size.
WindowsMade convert_to_rotating(PromptCache& cache, std::int64_t max_size, std::int64_t keep);

/// Cast keys and values to F16, BF16 or F32. Recurrent state, whose precision models choose with care, and quantized layers
/// stay. Throws Error(usage) for another dtype. Returns how many layers changed.
std::size_t cast_prompt_cache(PromptCache& cache, Dtype dtype, bool allow_overflow,
                              const std::shared_ptr<CastStats>& stats = nullptr);

}  // namespace kvcache

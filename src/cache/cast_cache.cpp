// Casting keys and values.
#include <fmt/format.h>

#include "cache/map_layers.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/transform.h"

namespace kvcache {

std::size_t cast_prompt_cache(PromptCache& cache, Dtype dtype, bool allow_overflow, const std::shared_ptr<CastStats>& stats) {
  if (!is_float(dtype))
    throw Error(ErrorKind::usage, fmt::format("keys and values cannot be {}", name(dtype)), "f16, bf16 or f32");
  return detail::map_layers(cache, [&](const std::string& where, const Cache& layer) -> std::unique_ptr<Cache> {
    const auto convert = [&]<typename Class>(const Class& typed) -> std::unique_ptr<Cache> {
      auto state = typed.state();
      if (!state.keys.defined() || (state.keys.dtype() == dtype && state.values.dtype() == dtype)) return nullptr;
      state.keys = cast(state.keys, dtype, {.label = where + " keys", .allow_overflow = allow_overflow, .stats = stats});
      state.values = cast(state.values, dtype, {.label = where + " values", .allow_overflow = allow_overflow, .stats = stats});
      return std::make_unique<Class>(std::move(state));
    };
    if (const auto* c = dynamic_cast<const KVCache*>(&layer)) return convert(*c);
    if (const auto* c = dynamic_cast<const RotatingKVCache*>(&layer)) return convert(*c);
    if (const auto* c = dynamic_cast<const ChunkedKVCache*>(&layer)) return convert(*c);
    if (const auto* c = dynamic_cast<const BatchKVCache*>(&layer)) return convert(*c);
    if (const auto* c = dynamic_cast<const BatchRotatingKVCache*>(&layer)) return convert(*c);
    return nullptr;
  });
}

}  // namespace kvcache

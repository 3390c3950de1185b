// Layers of a batch that were never used: files do not say for how many sequences they are, but the other layers do.
#pragma once

#include <memory>

#include "kvcache/cache.h"

namespace kvcache::detail {

/// A copy of `layer` that can be extended by `beside`. Where it does not know its batch and `beside` knows its own, it gets
/// zeros for `batch` sequences in the shapes of `beside`, as the reference does. Children of lists likewise.
[[nodiscard]] std::unique_ptr<Cache> sized_layer(const Cache& layer, std::int64_t batch, const Cache& beside);

}  // namespace kvcache::detail

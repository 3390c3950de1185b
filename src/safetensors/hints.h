// Telling sources ahead what will be read from them.
#pragma once

#include <vector>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// Calls will_need() of every source that tensors begin in, with what their bytes are, in the order given; not of files, where
/// systems read ahead by themselves. What goes through a computation is not told.
void tell_sources(const std::vector<NamedTensor>& tensors);

}  // namespace kvcache::detail

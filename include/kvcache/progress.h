// How far a call that takes long is.
#pragma once

#include <cstdint>
#include <functional>

namespace [[gnu::visibility("default")]] kvcache {

/// Called from one thread at a time with bytes done and bytes in total.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

}  // namespace kvcache

// Spreading independent pieces of work over a few threads.
#pragma once

#include <cstdint>
#include <functional>

namespace kvcache::detail {

/// Threads to use when the user does not say: one for each core, at most 16.
[[nodiscard]] unsigned default_threads();

/// Call fn(0), fn(1), ..., fn(count-1), started in that order, on up to `threads` threads (0: default_threads()), of which the
/// caller is one. With one thread or one piece everything runs inline. When a call throws, nothing further is started and,
/// after all have ended, the exception of the lowest index is rethrown: the same one whatever the number of threads.
void parallel_for(std::uint64_t count, unsigned threads, const std::function<void(std::uint64_t)>& fn);

}  // namespace kvcache::detail

// Being asked to stop, from a signal handler.
#pragma once

#include <atomic>

namespace kvcache::detail {

/// Not 0 when a stop was requested; public as stop_requested() in safetensors.h. It lives here so that a call that a signal
/// has interrupted (EINTR) can tell a request to stop from a signal that means nothing to us.
[[nodiscard]] std::atomic<int>& stop_flag() noexcept;

/// Throws Error(interrupted) when a stop was requested.
void throw_if_stopped();

}  // namespace kvcache::detail

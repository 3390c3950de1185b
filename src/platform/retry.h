// System calls that a signal has interrupted.
#pragma once

#include <cerrno>

#include "platform/stop.h"

namespace kvcache::detail {

/// Repeat a call while it fails with EINTR. Throws Error(interrupted) when the signal was a request to stop.
template <typename Call>
auto retry(const Call& call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
    throw_if_stopped();
  }
}

}  // namespace kvcache::detail

// Being asked to stop.
#pragma once

#include "kvcache/stop.h"

namespace kvcache::detail {

/// Throws Error(interrupted) when the whole process was asked to stop. It lives here so that a call that a signal has
/// interrupted (EINTR) can tell a request to stop from a signal that means nothing to us.
void throw_if_stopped();

/// The same, and when this call was.
void throw_if_stopped(const StopToken& stop);

}  // namespace kvcache::detail

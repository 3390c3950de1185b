// Installing signal handlers.
#pragma once

namespace kvcache::detail {

/// Call `handler` on `signal`, unless the signal was ignored when the process started: a shell starts background jobs with
/// SIGINT ignored, nohup and others do it with more, and that choice is respected. System calls that wait are interrupted
/// (EINTR), so that a stop is noticed at once (retry.h).
void handle_signal(int signal, void (*handler)(int)) noexcept;

}  // namespace kvcache::detail

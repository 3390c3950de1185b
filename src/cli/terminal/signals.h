// Stopping by signal without leaving half a file behind.
#pragma once

namespace kvcache::cli {

/// SIGINT and SIGTERM end the process with 130 and 143: at once while it only reads, in good order while it writes
/// (WriteGuard). SIGPIPE and SIGXFSZ are ignored: a closed pipe (stdout.h) and the limit of `ulimit -f` are errors of write().
void handle_signals();

/// 130 or 143 after a stop was requested, by the signal that did.
[[nodiscard]] int interrupted_exit_code() noexcept;

/// While one lives, SIGINT and SIGTERM only set kvcache::stop_requested(): the writer removes what it wrote and throws
/// Error(interrupted). One at a time; the constructor throws Error(interrupted) when a stop was requested earlier. After the
/// one that ends without an exception signals change nothing any more: it guards the last thing that a command does.
class WriteGuard {
 public:
  WriteGuard();
  ~WriteGuard();
  WriteGuard(const WriteGuard&) = delete;
  WriteGuard& operator=(const WriteGuard&) = delete;
};

/// Between two outputs of one command: signals end it again, also one that came while the last one was written. Throws
/// Error(interrupted).
void end_of_one_output();

}  // namespace kvcache::cli

#include "cli/terminal/signals.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <exception>

#include "kvcache/error.h"
#include "kvcache/safetensors.h"
#include "platform/signal_handler.h"

namespace kvcache::cli {
namespace {

std::atomic<bool> is_writing = false;
// Looked up before the handler can run: the library's accessor need not be safe inside one.
std::atomic<int>* stop = nullptr;

extern "C" void on_stop_signal(int signal) {
  if (!is_writing) std::_Exit(128 + signal);
  stop->store(signal);
}

}  // namespace

void handle_signals() {
  stop = &stop_requested();
  detail::handle_signal(SIGINT, on_stop_signal);
  detail::handle_signal(SIGTERM, on_stop_signal);
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
}

int interrupted_exit_code() noexcept {
  return 128 + (stop_requested() != 0 ? stop_requested().load() : SIGINT);
}

WriteGuard::WriteGuard() {
  is_writing = true;
  if (stop_requested() == 0) return;
  is_writing = false;
  throw Error(ErrorKind::interrupted, "interrupted");
}

void end_of_one_output() {
  is_writing = false;
  if (stop_requested() != 0) throw Error(ErrorKind::interrupted, "interrupted");
}

WriteGuard::~WriteGuard() {
  // When the output is complete a late signal finds a command that is done: it ends with 0, not with an output and 130.
  is_writing = std::uncaught_exceptions() == 0;
}

}  // namespace kvcache::cli

#include "platform/signal_handler.h"

// sigaction() is not in <csignal>.
#include <signal.h>  // NOLINT(modernize-deprecated-headers)

namespace kvcache::detail {

void handle_signal(int signal, void (*handler)(int)) noexcept {
  struct sigaction old {};
  if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) return;
  // Without SA_RESTART, which std::signal() would set.
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace kvcache::detail

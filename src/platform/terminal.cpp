#include "platform/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace kvcache::detail {

bool is_terminal(std::FILE* stream) noexcept {
  return isatty(fileno(stream)) != 0;
}

std::size_t terminal_columns(std::FILE* stream) noexcept {
  winsize size{};
  return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace kvcache::detail

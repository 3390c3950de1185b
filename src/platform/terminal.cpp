#include "platform/terminal.h"

#include <unistd.h>

namespace kvcache::detail {

bool is_terminal(std::FILE* stream) noexcept {
  return isatty(fileno(stream)) != 0;
}

}  // namespace kvcache::detail

// Text from files, made safe for terminals and JSON.
#include "kvcache/printable.h"
#include "common/escape.h"

namespace kvcache {

std::string printable(std::string_view text, std::size_t limit) {
  return detail::escaped(text, limit);
}

}  // namespace kvcache

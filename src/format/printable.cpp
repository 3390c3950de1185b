// Text from files, made safe for terminals and JSON.
#include "common/escape.h"
#include "kvcache/format.h"

namespace kvcache {

std::string printable(std::string_view text, std::size_t limit) {
  return detail::escaped(text, limit);
}

}  // namespace kvcache

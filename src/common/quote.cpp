#include "common/quote.h"

#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include "common/escape.h"
#include "common/utf8.h"

namespace kvcache::detail {

std::size_t utf8_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    // Headers are nearly all ASCII: eight bytes at once, as a header may have 100 MB.
    std::uint64_t word = 0;
    if (text.size() - at >= sizeof(word)) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & 0x8080808080808080U) == 0) {
        at += sizeof(word);
        continue;
      }
    }
    const std::size_t length = utf8_sequence(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return at;
}

std::string in_quotes(std::string_view text, std::size_t limit) {
  return fmt::format("'{}'", escaped(text, limit));
}

}  // namespace kvcache::detail

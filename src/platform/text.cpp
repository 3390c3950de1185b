#include "platform/text.h"

#include <cstdint>
#include <cstring>

#include <fmt/format.h>

namespace kvcache::detail {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool continues(std::string_view text, std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
  return i < text.size() && byte_at(text, i) >= low && byte_at(text, i) <= high;
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) noexcept {
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(text, 1) ? 2 : 0;
  if ((first & 0xF0U) == 0xE0U) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;   // below: overlong
    const unsigned high = first == 0xED ? 0x9F : 0xBF;  // above: surrogates
    return continues(text, 1, low, high) && continues(text, 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;   // below: overlong
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;  // above: beyond U+10FFFF
    return continues(text, 1, low, high) && continues(text, 2) && continues(text, 3) ? 4 : 0;
  }
  return 0;
}

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
  std::string out = "'";
  for (std::size_t characters = 0; !text.empty(); ++characters) {
    if (characters == limit) {
      out += "...";
      break;
    }
    const std::size_t length = utf8_sequence(text);
    const unsigned first = byte_at(text, 0);
    if (length == 0 || first < 0x20 || first == 0x7F) {
      out += fmt::format("\\x{:02x}", first);
    } else if (length == 2 && first == 0xC2 && byte_at(text, 1) < 0xA0) {
      out += fmt::format("\\u{:04x}", byte_at(text, 1));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "'";
}

}  // namespace kvcache::detail

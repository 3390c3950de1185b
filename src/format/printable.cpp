// Text from files, made safe for terminals and JSON.
#include <fmt/format.h>

#include "kvcache/format.h"

namespace kvcache {
namespace {

/// Length of the valid UTF-8 sequence at the start of `text`, or 0.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b <= 0xDF) return continues(1) ? 2 : 0;
  if (b >= 0xE0 && b <= 0xEF) {
    const unsigned low = b == 0xE0 ? 0xA0 : 0x80;   // no overlong forms
    const unsigned high = b == 0xED ? 0x9F : 0xBF;  // no surrogates
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (b >= 0xF0 && b <= 0xF4) {
    const unsigned low = b == 0xF0 ? 0x90 : 0x80;
    const unsigned high = b == 0xF4 ? 0x8F : 0xBF;  // nothing above U+10FFFF
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  std::size_t characters = 0;
  while (!text.empty()) {
    if (characters++ == limit) return out + "...";
    const std::size_t n = sequence_length(text);
    const unsigned first = static_cast<unsigned char>(text[0]);
    const bool c1 = n == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    // U+2028-202E and U+2066-2069 reorder or break lines in terminals and editors.
    const bool bidi = n == 3 && first == 0xE2 &&
                      ((text[1] == '\x80' && text[2] >= '\xA8' && text[2] <= '\xAE') ||
                       (text[1] == '\x81' && text[2] >= '\xA6' && text[2] <= '\xA9'));
    if (n == 0) {
      out += fmt::format("\\x{:02x}", first);
      text.remove_prefix(1);
      continue;
    }
    if (n == 1 && text[0] == '\n') {
      out += "\\n";
    } else if (n == 1 && text[0] == '\t') {
      out += "\\t";
    } else if (n == 1 && text[0] == '\r') {
      out += "\\r";
    } else if (n == 1 && (first < 0x20 || first == 0x7F)) {
      out += fmt::format("\\x{:02x}", first);
    } else if (c1) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[1]));
    } else if (bidi) {
      const unsigned code =
          0x2000U | ((static_cast<unsigned char>(text[1]) & 0x3FU) << 6U) | (static_cast<unsigned char>(text[2]) & 0x3FU);
      out += fmt::format("\\u{:04x}", code);
    } else {
      out += text.substr(0, n);
    }
    text.remove_prefix(n);
  }
  return out;
}

}  // namespace kvcache

#include "cli/terminal/display_width.h"

#include <utf8proc.h>

#include <algorithm>

namespace kvcache::cli {
namespace {

constexpr char escape = '\x1b';

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80 && c != escape; });
}

}  // namespace

std::size_t columns(std::string_view text) {
  if (is_plain(text)) return text.size();
  // What a terminal draws in one place is a grapheme: a flag of two letters, an emoji with its skin tone, a letter and accents.
  constexpr int widest = 2;
  std::size_t sum = 0;
  int grapheme = 0;
  utf8proc_int32_t before = 0;
  utf8proc_int32_t state = 0;
  while (!text.empty()) {
    if (text.front() == escape) {
      text.remove_prefix(std::min(text.size(), text.find('m') + 1));
      continue;
    }
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                     static_cast<utf8proc_ssize_t>(text.size()), &code);
    if (length <= 0) {  // no UTF-8: shown as one replacement character
      sum += static_cast<std::size_t>(grapheme) + 1;
      grapheme = 0;
      before = 0;
      state = 0;
      text.remove_prefix(1);
      continue;
    }
    text.remove_prefix(static_cast<std::size_t>(length));
    if (before != 0 && utf8proc_grapheme_break_stateful(before, code, &state)) {
      sum += static_cast<std::size_t>(grapheme);
      grapheme = 0;
    }
    grapheme = std::min(widest, grapheme + utf8proc_charwidth(code));
    before = code;
  }
  return sum + static_cast<std::size_t>(grapheme);
}

}  // namespace kvcache::cli

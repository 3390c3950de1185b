// Commands that the tool suggests are meant to be copied.
#include <fmt/format.h>

#include <algorithm>

#include "kvcache/printable.h"

namespace kvcache {
namespace {

bool is_plain(char c) {
  constexpr std::string_view marks = "@%+=:,./_-";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || marks.find(c) != std::string_view::npos;
}

// bash, zsh, ksh and busybox have this form; octal, as a hexadecimal escape has no fixed length in all of them.
std::string with_escapes(std::string_view text) {
  std::string out = "$'";
  for (const char c : text) {
    if (c == '\'' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (c >= 0x20 && c < 0x7F)
      out += c;
    else
      out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return out + "'";
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  // printable() doubles nothing: what it leaves alone can stand between quotes.
  if (printable(text, text.size()) != text) return with_escapes(text);
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string shell_path(std::string_view path) {
  if (path == "-") return "FILE";
  return shell_word(path.starts_with('-') ? "./" + std::string(path) : std::string(path));
}

}  // namespace kvcache

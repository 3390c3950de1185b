#include "cli/terminal/words.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/remote_name.h"
#include "kvcache/format.h"

namespace kvcache::cli {

std::string shown_path(const std::string& path) {
  return path.empty() ? "''" : printable(detail::without_secrets(path), path.size());
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

namespace {

// A command in `backquotes` is one word: who copies it gets all of it.
std::size_t word_length(std::string_view text) {
  const std::size_t end = text.find_first_of(" \n");
  if (text.front() != '`') return end;
  const std::size_t closing = text.find('`', 1);
  if (closing == std::string_view::npos || text.find('\n') < closing) return end;
  return text.find_first_of(" \n", closing);
}

}  // namespace

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  bool fresh = true;  // nothing on the current line yet
  while (!text.empty()) {
    if (text.front() == '\n') {
      lines.emplace_back();
      fresh = true;
      text.remove_prefix(1);
      continue;
    }
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const std::string_view word = text.substr(0, word_length(text));
    text.remove_prefix(word.size());
    if (!fresh && columns(lines.back()) + 1 + columns(word) > width) {
      lines.emplace_back();
      fresh = true;
    }
    if (!fresh) lines.back() += ' ';
    lines.back() += word;
    fresh = false;
  }
  return lines;
}

}  // namespace kvcache::cli

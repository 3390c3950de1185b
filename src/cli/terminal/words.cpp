#include "cli/terminal/words.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/remote_name.h"
#include "kvcache/format.h"

namespace kvcache::cli {

std::string shown_path(const std::string& path) {
  return path.empty() ? "''" : printable(detail::without_secrets(path), path.size());
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

// Up to the next blank that is in no quotes, as a shell splits.
std::size_t shell_word_length(std::string_view text) {
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\'' && c == '\\')
      ++i;
    else if (quote != 0 && c == quote)
      quote = 0;
    else if (quote == 0 && (c == '\'' || c == '"'))
      quote = c;
    else if (quote == 0 && c == ' ')
      return i;
  }
  return text.size();
}

class Lines {
 public:
  Lines(std::size_t width, std::size_t room) : width_(width), free_(width + room) {}

  void new_line() {
    lines_.emplace_back();
    free_ = width_;
    fresh_ = true;
  }

  void add(std::string_view word) {
    if (word.front() == '`' && columns(word) > width_) return add_command(word);
    if (!fits(columns(word)) && !fresh_) new_line();
    append(word);
  }

  [[nodiscard]] std::vector<std::string> take() { return std::move(lines_); }

 private:
  [[nodiscard]] bool fits(std::size_t more) const { return more + (fresh_ ? 0 : 1) <= free_; }

  void append(std::string_view word) {
    if (!fresh_) lines_.back() += ' ';
    lines_.back() += word;
    free_ -= std::min(free_, columns(word) + (fresh_ ? 0 : 1));
    fresh_ = false;
  }

  void add_command(std::string_view command) {
    constexpr std::string_view continued = " \\";
    bool first = true;
    while (!command.empty()) {
      const std::string_view word = command.substr(0, shell_word_length(command));
      command.remove_prefix(word.size());
      const bool last = command.empty();
      if (!fresh_ && !fits(columns(word) + (last ? 0 : continued.size()))) {
        if (!first) lines_.back() += continued;
        new_line();
      }
      append(word);
      first = false;
      if (!last) command.remove_prefix(1);
    }
  }

  std::size_t width_;
  std::size_t free_;   ///< columns left of the current line
  bool fresh_ = true;  ///< nothing on it yet
  std::vector<std::string> lines_ = std::vector<std::string>(1);
};

}  // namespace

std::vector<std::string> wrap(std::string_view text, std::size_t width, std::size_t room) {
  Lines lines(width, room);
  while (!text.empty()) {
    if (text.front() == '\n') {
      lines.new_line();
      text.remove_prefix(1);
      continue;
    }
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const std::string_view word = text.substr(0, word_length(text));
    text.remove_prefix(word.size());
    lines.add(word);
  }
  return lines.take();
}

std::string hanging(std::string_view text, std::size_t width, std::size_t indent) {
  const std::size_t margin = std::min(text.size(), text.find_first_not_of(' '));
  if (width == unlimited || margin == text.size()) return std::string(text);
  indent = std::max(margin, std::min(indent, width / 2));
  const std::vector<std::string> lines = wrap(text.substr(margin), width - std::min(indent, width - 1), indent - margin);
  std::string out = std::string(margin, ' ') + lines.front();
  for (std::size_t i = 1; i < lines.size(); ++i) out += '\n' + std::string(indent, ' ') + lines[i];
  return out;
}

std::string paragraph(std::string_view text) {
  std::string out;
  if (text.ends_with('\n')) text.remove_suffix(1);
  for (const std::string& line : wrap(text, text_width())) out += line + '\n';
  return out;
}

}  // namespace kvcache::cli

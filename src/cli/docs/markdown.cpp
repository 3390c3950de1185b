#include "cli/docs/markdown.h"

#include <cctype>
#include <sstream>

namespace kvcache::cli {
namespace {

using Kind = MarkdownBlock::Kind;

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

/// Cells of "| a | b |"; a bar in `code` does not part them.
std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  std::string cell;
  bool code = false;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '`') code = !code;
    if (line[i] == '|' && !code) {
      cells.push_back(trimmed(cell));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return cells;
}

bool is_rule(std::string_view line) {
  return line.find_first_not_of("|-: ") == std::string_view::npos;
}

class Parser {
 public:
  void line(const std::string& text) {
    const bool after_blank = blank_;
    blank_ = text.empty();
    if (text.empty()) return;
    if (text.starts_with("    ") && (after_blank || last() == Kind::code) && last() != Kind::item)
      return code(text.substr(4), after_blank);
    if (text.starts_with('#')) return heading(text);
    if (text.starts_with('|')) return row(text, after_blank || last() != Kind::row);
    if (text.starts_with("* ")) return add(Kind::item, text.substr(2));
    if (!after_blank && (last() == Kind::paragraph || last() == Kind::item)) {
      blocks_.back().text += ' ' + trimmed(text);
      return;
    }
    add(Kind::paragraph, trimmed(text));
  }

  [[nodiscard]] std::vector<MarkdownBlock> take() { return std::move(blocks_); }

 private:
  [[nodiscard]] Kind last() const { return blocks_.empty() ? Kind::heading : blocks_.back().kind; }

  void add(Kind kind, std::string text) {
    MarkdownBlock block;
    block.kind = kind;
    block.text = std::move(text);
    blocks_.push_back(std::move(block));
  }

  void heading(const std::string& text) {
    const std::size_t level = text.find_first_not_of('#');
    add(Kind::heading, trimmed(text.substr(level)));
    blocks_.back().level = level;
  }

  void row(const std::string& text, bool first) {
    if (is_rule(text)) return;
    add(Kind::row, {});
    blocks_.back().cells = cells_of(text);
    blocks_.back().title = first;
  }

  void code(const std::string& text, bool after_blank) {
    if (last() == Kind::code)
      blocks_.back().text += (after_blank ? "\n\n" : "\n") + text;
    else
      add(Kind::code, text);
  }

  std::vector<MarkdownBlock> blocks_;
  bool blank_ = true;
};

}  // namespace

std::vector<MarkdownBlock> markdown_blocks(std::string_view document) {
  Parser parser;
  std::istringstream lines{std::string(document)};
  for (std::string line; std::getline(lines, line);) parser.line(line);
  return parser.take();
}

std::string markdown_text(std::string_view text) {
  std::string out;
  bool code = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '`') code = !code;
    if (!code && c == '*') continue;
    if (!code && c == '[') {
      const std::size_t middle = text.find("](", i);
      const std::size_t end = middle == std::string_view::npos ? middle : text.find(')', middle);
      if (end != std::string_view::npos) {
        out += markdown_text(text.substr(i + 1, middle - i - 1));
        i = end;
        continue;
      }
    }
    out += c;
  }
  return out;
}

std::string anchor(std::string_view heading) {
  std::string out;
  for (const char c : heading) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (c == ' ' || c == '-')
      out += '-';
  }
  return out;
}

}  // namespace kvcache::cli

#include "cli/render/table.h"

#include <algorithm>
#include <utility>

#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

constexpr std::size_t gap = 2;
// The last column gets at least this much of a line, whatever the others take: one word per line helps nobody.
constexpr std::size_t last_column_minimum = 16;
// What goes below the first columns of a row is indented by this much more.
constexpr std::size_t further_indent = 4;

}  // namespace

struct Table::Layout {
  std::vector<std::size_t> widths;
  std::vector<std::size_t> ends;  ///< of each line: the column behind its last one
  [[nodiscard]] std::size_t indent(std::size_t line, std::size_t first) const {
    return line == 0 ? first : first + further_indent;
  }
};

Table::Table(std::vector<Column> columns, std::size_t indent, Last last)
    : columns_(std::move(columns)), indent_(indent), last_(last) {}

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

Table::Layout Table::layout() const {
  const std::size_t width = last_ == Last::as_it_is ? line_width(stdout) : text_width();
  Layout out;
  out.widths.resize(columns_.size());
  std::size_t used = indent_;
  bool line_has_columns = false;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t natural = columns(columns_[c].title);
    for (const auto& row : rows_) natural = std::max(natural, columns(row[c]));
    const bool is_last = c + 1 == columns_.size();
    const std::size_t needed = is_last && last_ == Last::wraps ? std::min(natural, last_column_minimum) : natural;
    const std::size_t before = line_has_columns ? gap : 0;
    if (line_has_columns && used + gap + needed > width) {
      out.ends.push_back(c);
      used = indent_ + further_indent;
    } else {
      used += before;
    }
    line_has_columns = true;
    const std::size_t left = width - std::min(used, width - 1);
    out.widths[c] = std::min(natural, left);
    used += out.widths[c];
  }
  out.ends.push_back(columns_.size());
  return out;
}

// `cell`: of a column, what stands in this line.
template <typename Cell>
void Table::append_line(std::string& out, const Layout& layout, std::size_t line, const Cell& cell) const {
  const std::size_t begin = line == 0 ? 0 : layout.ends[line - 1], end = layout.ends[line];
  const std::size_t start = out.size();
  out.append(layout.indent(line, indent_), ' ');
  for (std::size_t c = begin; c < end; ++c) {
    const std::string& text = cell(c);
    const std::size_t padding = layout.widths[c] - std::min(layout.widths[c], columns(text));
    if (columns_[c].align == Align::right) out.append(padding, ' ');
    out += text;
    if (columns_[c].align == Align::left) out.append(padding, ' ');
    if (c + 1 != end) out.append(gap, ' ');
  }
  std::size_t stop = out.size();
  while (stop > start && out[stop - 1] == ' ') --stop;
  out.resize(stop);
  out += '\n';
}

void Table::append(std::string& out, const std::vector<std::string>& cells, const Layout& layout) const {
  static const std::string nothing;
  std::size_t begin = 0;
  for (std::size_t line = 0; line < layout.ends.size(); ++line) {
    const std::size_t end = layout.ends[line];
    bool anything = line == 0, fits = true;
    for (std::size_t c = begin; c < end; ++c) {
      anything = anything || !cells[c].empty();
      fits = fits && columns(cells[c]) <= layout.widths[c];
    }
    if (anything && fits) {  // nearly always: ten thousand rows need no lists of lines
      append_line(out, layout, line, [&](std::size_t c) -> const std::string& { return cells[c]; });
    } else if (anything) {
      std::vector<std::vector<std::string>> parts;
      std::size_t height = 1;
      for (std::size_t c = begin; c < end; ++c) {
        const bool whole = columns(cells[c]) <= layout.widths[c];
        parts.push_back(whole ? std::vector<std::string>{cells[c]} : wrap(cells[c], layout.widths[c]));
        height = std::max(height, parts.back().size());
      }
      for (std::size_t part = 0; part < height; ++part)
        append_line(out, layout, line, [&](std::size_t c) -> const std::string& {
          const std::vector<std::string>& lines = parts[c - begin];
          return part < lines.size() ? lines[part] : nothing;
        });
    }
    begin = end;
  }
}

std::string Table::text(const Style& style) const {
  const Layout widths = layout();
  std::string out;
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  if (std::any_of(titles.begin(), titles.end(), [](const std::string& t) { return !t.empty(); })) {
    std::string lines;
    append(lines, titles, widths);
    for (std::size_t at = 0; at < lines.size();) {
      const std::size_t end = lines.find('\n', at);
      out += style.bold(lines.substr(at, end - at)) + '\n';
      at = end + 1;
    }
  }
  for (const auto& row : rows_) append(out, row, widths);
  return out;
}

}  // namespace kvcache::cli

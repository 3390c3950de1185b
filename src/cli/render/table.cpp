#include "cli/render/table.h"

#include <algorithm>
#include <utility>

#include "cli/terminal/words.h"

namespace kvcache::cli {
namespace {

constexpr std::size_t gap = 2;
// The last column gets at least this much, whatever the others take: one word per line helps nobody.
constexpr std::size_t last_column_minimum = 16;

}  // namespace

Table::Table(std::vector<Column> columns, std::size_t indent, Last last)
    : columns_(std::move(columns)), indent_(indent), last_(last) {}

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> out(columns_.size());
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    out[c] = columns(columns_[c].title);
    for (const auto& row : rows_) out[c] = std::max(out[c], columns(row[c]));
  }
  std::size_t taken = indent_;
  for (std::size_t c = 0; c + 1 < out.size(); ++c) taken += out[c] + gap;
  if (last_ == Last::as_it_is) return out;
  const std::size_t left = std::max(text_width - std::min(taken, text_width), last_column_minimum);
  out.back() = std::min(out.back(), left);
  return out;
}

void Table::append(std::string& out, const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const {
  const std::vector<std::string> last =
      last_ == Last::wraps ? wrap(cells.back(), widths.back()) : std::vector<std::string>{cells.back()};
  for (std::size_t line = 0; line < last.size(); ++line) {
    std::string text(indent_, ' ');
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const bool is_last = c + 1 == cells.size();
      const std::string& cell = is_last ? last[line] : line == 0 ? cells[c] : std::string();
      const std::string padding(widths[c] - std::min(widths[c], columns(cell)), ' ');
      if (columns_[c].align == Align::right) text += padding;
      text += cell;
      if (columns_[c].align == Align::left) text += padding;
      if (!is_last) text.append(gap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  }
}

std::string Table::text(const Style& style) const {
  const std::vector<std::size_t> all_widths = widths();
  std::string out;
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  if (std::any_of(titles.begin(), titles.end(), [](const std::string& t) { return !t.empty(); })) {
    std::string line;
    append(line, titles, all_widths);
    line.pop_back();
    out += style.bold(line) + '\n';
  }
  for (const auto& row : rows_) append(out, row, all_widths);
  return out;
}

}  // namespace kvcache::cli

// Text tables of at most 80 columns.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/terminal/style.h"

namespace kvcache::cli {

/// Columns are as wide as their widest cell, two spaces apart; the last one takes what is left of the line and wraps.
class Table {
 public:
  enum class Align { left, right };
  enum class Last { wraps, as_it_is };
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  /// `indent`: spaces before every line. `last`: what becomes of the last column where it does not fit.
  explicit Table(std::vector<Column> columns, std::size_t indent = 0, Last last = Last::wraps);
  /// Cells are printable text without line breaks; missing ones are empty.
  void add(std::vector<std::string> cells);
  /// With a line of titles, unless all are empty.
  [[nodiscard]] std::string text(const Style& style) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;
  void append(std::string& out, const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::size_t indent_;
  Last last_;
};

}  // namespace kvcache::cli

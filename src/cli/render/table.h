// Text tables that keep to the width of the output.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/terminal/style.h"

namespace kvcache::cli {

/// Columns are as wide as their widest cell, two spaces apart; the last one takes what is left of the line and wraps. Where the
/// columns do not fit beside one another, those on the right go on a line below, indented, in the titles as in every row.
class Table {
 public:
  enum class Align { left, right };
  enum class Last {
    wraps,     ///< at blanks
    whole,     ///< it goes below first: its blanks mean something
    as_it_is,  ///< on one line whatever its length: for programs that read line by line. On a terminal like `whole`
  };
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  /// `indent`: spaces before every line. `last`: what becomes of the last column where it does not fit.
  explicit Table(std::vector<Column> columns, std::size_t indent = 0, Last last = Last::wraps);
  /// Cells are printable text without line breaks; missing ones are empty.
  void add(std::vector<std::string> cells);
  /// For standard output. With a line of titles, unless all are empty.
  [[nodiscard]] std::string text(const Style& style) const;

 private:
  /// Which columns share a line, and how wide they are.
  struct Layout;
  [[nodiscard]] Layout layout() const;
  template <typename Cell>
  void append_line(std::string& out, const Layout& layout, std::size_t line, const Cell& cell) const;
  void append(std::string& out, const std::vector<std::string>& cells, const Layout& layout) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::size_t indent_;
  Last last_;
};

}  // namespace kvcache::cli

// Small pieces of HTML. What is called html is ready to be put into a page, what is called text is not: it is escaped here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvcache::cli {

/// For elements and for attributes in double quotes. `text` is printable (kvcache/format.h): nothing else can leave its place.
[[nodiscard]] std::string escaped(std::string_view text);

/// "38 of 138 findings are not here": a paragraph, or nothing where all are. `command`: lists all.
[[nodiscard]] std::string left_out(std::size_t all, std::size_t shown, std::string_view noun, std::string_view command);

/// A table that scrolls sideways where the screen is narrow.
class HtmlTable {
 public:
  struct Column {
    std::string title;
    std::string kind;  ///< class of its cells: "n" number, "w" wide, "t" never broken, or empty
  };
  /// `caption`: text.
  HtmlTable(std::string_view caption, std::vector<Column> columns);
  /// Cells are html; the first one names the row.
  void add(const std::vector<std::string>& cells);
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::string html() const;

 private:
  std::string caption_;
  std::vector<Column> columns_;
  std::string body_;
  std::size_t rows_ = 0;
};

}  // namespace kvcache::cli

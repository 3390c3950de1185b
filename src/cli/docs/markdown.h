// As much of Markdown as docs/ is written in: headings, paragraphs, lists, tables, blocks of code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kvcache::cli {

struct MarkdownBlock {
  enum class Kind {
    heading,    ///< `level`, `text`
    paragraph,  ///< `text`
    item,       ///< of a list: `text`
    code,       ///< `text`: lines without their indentation
    row,        ///< of a table: `cells`
  };
  Kind kind = Kind::paragraph;
  std::size_t level = 0;           ///< of a heading: 1 for #
  std::string text;                ///< one line, with the marks of code, emphasis and links still in it
  std::vector<std::string> cells;  ///< the same, cell by cell
  bool title = false;              ///< a table's first row
};

[[nodiscard]] std::vector<MarkdownBlock> markdown_blocks(std::string_view document);

/// Text of a block for people: links without their target, emphasis without its marks; `code` keeps its marks.
[[nodiscard]] std::string markdown_text(std::string_view text);

/// What GitHub calls a heading in links: "KV1xx: the container" is #kv1xx-the-container.
[[nodiscard]] std::string anchor(std::string_view heading);

}  // namespace kvcache::cli

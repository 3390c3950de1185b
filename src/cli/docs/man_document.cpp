#include "cli/docs/man_document.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include "cli/docs/markdown.h"
#include "cli/docs/roff.h"

namespace kvcache::cli {
namespace {

using Kind = MarkdownBlock::Kind;

// Where a table has more columns, equal cells of neighbours are said once.
constexpr std::size_t widest_table = 4;

class DocumentPage {
 public:
  void add(const MarkdownBlock& block) {
    if (list_ != block.kind) close();
    switch (block.kind) {
      case Kind::heading:
        return heading(block);
      case Kind::paragraph:
        out_ += (first_ ? "" : ".Pp\n") + roff_prose(markdown_text(block.text));
        break;
      case Kind::item:
        if (list_ != Kind::item) out_ += ".Bl -bullet\n";
        list_ = Kind::item;
        out_ += ".It\n" + roff_prose(markdown_text(block.text));
        break;
      case Kind::code:
        out_ += fmt::format(".Bd -literal -offset indent\n{}\n.Ed\n", roff_text(block.text));
        break;
      case Kind::row:
        row(block);
        break;
    }
    first_ = false;
  }

  [[nodiscard]] std::string take() {
    close();
    return std::move(out_);
  }

 private:
  void close() {
    if (list_ == Kind::item || list_ == Kind::row) out_ += ".El\n";
    list_ = Kind::heading;
  }

  void heading(const MarkdownBlock& block) {
    out_ += fmt::format("{} {}\n", block.level < 3 ? ".Sh" : ".Ss", roff_argument(markdown_text(block.text)));
    first_ = true;
  }

  void row(const MarkdownBlock& block) {
    if (block.title) {
      close();
      titles_ = block.cells;
      out_ += ".Bl -tag -width Ds\n";
      list_ = Kind::row;
      return;
    }
    out_ += fmt::format(".It {}\n", roff_argument(markdown_text(block.cells.front())));
    const std::size_t count = std::min(block.cells.size(), titles_.size());
    std::string text;
    for (std::size_t i = 1; i < count;) {
      std::string title = markdown_text(titles_[i]);
      const std::string& cell = block.cells[i];
      std::size_t next = i + 1;
      for (; count > widest_table && next < count && block.cells[next] == cell; ++next)
        title.append(", ").append(markdown_text(titles_[next]));
      std::string value = markdown_text(cell);
      i = next;
      if (value.empty()) continue;
      if (count > 2) value = title.append(": ").append(value);
      if (value.back() != '.') value += '.';
      text.append(text.empty() ? "" : " ").append(value);
    }
    out_ += roff_prose(text);
  }

  std::string out_;
  std::vector<std::string> titles_;
  Kind list_ = Kind::heading;  ///< of what the open list is; of nothing if it is neither items nor rows
  bool first_ = true;          ///< nothing in this section yet
};

}  // namespace

std::string document_page(const std::string& name, std::string_view summary, std::string_view document,
                          const std::vector<std::string>& see_also) {
  DocumentPage page;
  bool top = true;
  for (const MarkdownBlock& block : markdown_blocks(document)) {
    MarkdownBlock shown = block;
    if (top && block.kind == Kind::heading) {
      shown.text = "DESCRIPTION";
      shown.level = 2;
      top = false;
    }
    page.add(shown);
  }
  return roff_head(name, 7, summary) + page.take() + fmt::format(".Sh SEE ALSO\n.Xr {}\n", fmt::join(see_also, " ,\n.Xr "));
}

}  // namespace kvcache::cli

#include "cli/docs/handbook.h"

#include <algorithm>
#include <map>

namespace kvcache::cli {
namespace {

using Kind = MarkdownBlock::Kind;

std::map<std::string, FindingText, std::less<>> read_findings() {
  std::map<std::string, FindingText, std::less<>> out;
  FindingText current;
  bool rows = false;
  for (const MarkdownBlock& block : markdown_blocks(findings_document())) {
    if (block.kind == Kind::heading) {
      current = {};
      current.section = block.text;
      rows = false;
    } else if (block.kind == Kind::paragraph && current.why.empty()) {
      current.why = markdown_text(block.text);
    } else if (block.kind == Kind::row) {
      if (block.title) {
        rows = block.cells.size() == 4 && block.cells.front() == "code";
      } else if (rows && block.cells.size() == 4) {
        current.meaning = markdown_text(block.cells[2]);
        current.what_to_do = markdown_text(block.cells[3]);
        out[block.cells[0]] = current;
      }
    }
  }
  return out;
}

}  // namespace

FindingText finding_text(std::string_view code) {
  static const auto findings = read_findings();
  const auto found = findings.find(code);
  return found == findings.end() ? FindingText() : found->second;
}

std::vector<TableRow> table_below(std::string_view document, std::string_view heading) {
  std::vector<TableRow> out;
  std::vector<std::string> titles;
  bool below = false;
  for (const MarkdownBlock& block : markdown_blocks(document)) {
    if (block.kind == Kind::heading) {
      below = block.text == heading;
    } else if (below && block.kind == Kind::row && block.title) {
      titles = block.cells;
    } else if (below && block.kind == Kind::row) {
      TableRow row{markdown_text(block.cells.front()), {}};
      for (std::size_t i = 1; i < std::min(titles.size(), block.cells.size()); ++i)
        row.columns.emplace_back(titles[i], markdown_text(block.cells[i]));
      out.push_back(std::move(row));
    }
  }
  return out;
}

}  // namespace kvcache::cli

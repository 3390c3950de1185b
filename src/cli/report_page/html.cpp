#include "cli/report_page/html.h"

#include <fmt/format.h>

#include "common/markup.h"

namespace kvcache::cli {

std::string escaped(std::string_view text) {
  return kvcache::detail::markup_escaped(text);
}

HtmlTable::HtmlTable(std::string_view caption, std::vector<Column> columns)
    : caption_(escaped(caption)), columns_(std::move(columns)) {}

void HtmlTable::add(const std::vector<std::string>& cells) {
  ++rows_;
  body_ += "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string kind = columns_[i].kind.empty() ? "" : fmt::format(" class=\"{}\"", columns_[i].kind);
    body_ += i == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", kind, cells[i]) : fmt::format("<td{}>{}</td>", kind, cells[i]);
  }
  body_ += "</tr>\n";
}

std::string HtmlTable::html() const {
  // Reachable by keyboard, as what scrolls has to be.
  std::string out = fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\">\n<table>\n<caption>{0}</caption>\n<thead><tr>",
      caption_);
  for (const Column& column : columns_)
    out += fmt::format("<th scope=\"col\"{}>{}</th>", column.kind == "n" ? " class=\"n\"" : "", escaped(column.title));
  return out + "</tr></thead>\n<tbody>\n" + body_ + "</tbody>\n</table>\n</div>\n";
}

std::string left_out(std::size_t all, std::size_t shown, std::string_view noun, std::string_view command) {
  if (all <= shown) return {};
  return fmt::format("<p class=\"soft\">{} more {} here; <code>{}</code> lists all.</p>\n", all - shown, escaped(noun),
                     escaped(command));
}

}  // namespace kvcache::cli

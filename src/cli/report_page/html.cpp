#include "cli/report_page/html.h"

#include <fmt/format.h>

namespace kvcache::cli {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
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

std::string filled(std::string_view skeleton, const std::map<std::string_view, std::string>& values) {
  std::string out;
  for (;;) {
    const std::size_t begin = skeleton.find("{{");
    out += skeleton.substr(0, begin);
    if (begin == std::string_view::npos) return out;
    const std::size_t end = skeleton.find("}}", begin);
    out += values.at(skeleton.substr(begin + 2, end - begin - 2));
    skeleton.remove_prefix(end + 2);
  }
}

std::string card(std::string_view title, std::string_view text) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(title), escaped(text));
}

std::string left_out(std::size_t all, std::size_t shown, std::string_view noun, std::string_view command) {
  if (all <= shown) return {};
  return fmt::format("<p class=\"soft\">{} more {} here; <code>{}</code> lists all.</p>\n", all - shown, escaped(noun),
                     escaped(command));
}

}  // namespace kvcache::cli

#include "cli/report_page/skeleton.h"

#include <fmt/format.h>

#include <map>

#include "cli/report_page/assets.h"
#include "cli/report_page/html.h"
#include "cli/terminal/words.h"
#include "cli/version.h"

namespace kvcache::cli {
namespace {

/// The skeleton, where {{name}} stands for a value. Values are html, put in as they are: a {{name}} in one of them stays text.
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

}  // namespace

std::string html_of(const Page& page) {
  std::string cards = "<dl class=\"cards\">\n";
  for (const auto& [title, text] : page.cards)
    cards += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(title), escaped(text));
  std::string links;
  std::string sections;
  for (const Section& section : page.sections) {
    links += fmt::format("{}<a href=\"#{}\">{}</a>", links.empty() ? "" : " ", section.id, escaped(section.link));
    sections += fmt::format(
        "<section id=\"{0}\" aria-labelledby=\"h-{0}\">\n"
        "<h2 id=\"h-{0}\">{1}</h2>\n"
        "{2}\n"
        "</section>\n",
        section.id, escaped(section.title), section.html);
  }
  return filled(page_html, {{"style_hash", std::string(page_css_hash)},
                            {"style", std::string(page_css)},
                            {"version", escaped(version())},
                            {"kicker", escaped(page.kicker)},
                            {"name", escaped(page.name)},
                            {"verdict", page.verdict},
                            {"cards", cards + "</dl>"},
                            {"links", links},
                            {"sections", sections}});
}

std::string verdict_html(std::size_t errors, std::size_t warnings) {
  const std::string rest = warnings == 0 ? "" : " and " + count_of(warnings, "warning");
  if (errors != 0) return fmt::format("<span class=\"no\">{}</span>{}", count_of(errors, "error"), rest);
  if (warnings != 0) return fmt::format("<span class=\"tag warning\">{}</span>", count_of(warnings, "warning"));
  return "<span class=\"ok\">Intact:</span> no errors and no warnings";
}

}  // namespace kvcache::cli

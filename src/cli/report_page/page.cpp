#include "cli/report_page/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "cli/report_page/assets.h"
#include "cli/report_page/html.h"
#include "cli/terminal/words.h"
#include "cli/version.h"

namespace kvcache::cli {
namespace {

std::string name_of(const Document& document) {
  const std::string& path = document.file.path();
  return path == "-" ? "standard input" : printable(std::filesystem::path(path).filename().string(), 120);
}

std::size_t number_of(const Findings& findings, Severity severity) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.severity == severity; }));
}

std::string verdict_of(const Findings& findings) {
  const std::size_t errors = number_of(findings, Severity::error), warnings = number_of(findings, Severity::warning);
  const std::string rest = warnings == 0 ? "" : " and " + count_of(warnings, "warning");
  if (errors != 0) return fmt::format("<span class=\"no\">{}</span>{}", count_of(errors, "error"), rest);
  if (warnings != 0) return fmt::format("<span class=\"tag warning\">{}</span>", count_of(warnings, "warning"));
  return "<span class=\"ok\">Intact:</span> no errors and no warnings";
}

std::string cards_of(const ReportInput& in) {
  const Overview& o = in.overview;
  std::string out = "<dl class=\"cards\">\n";
  out += card("Format", in.document.format == nullptr ? "mixed" : in.document.format->id);
  out += card("Layers", std::to_string(o.layers.size()));
  out += card("Tokens", std::to_string(o.tokens));
  out += card("Size of the file", human_bytes(static_cast<double>(in.document.file.disk_bytes())));
  if (const auto cost = o.bytes_per_token()) out += card("Per token", human_bytes(*cost));
  return out + "</dl>";
}

std::string overview_html(const ReportInput& in) {
  std::string out = "<dl class=\"facts\">\n";
  for (const auto& [title, text] : overview_rows(in.document, in.overview))
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(title), escaped(text));
  return out + "</dl>";
}

}  // namespace

std::string without_folder(std::string text, const Document& document) {
  const std::string path = shown_path(document.file.path());
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  if (folder.empty()) return text;
  // A new name for it begins as its own does.
  std::string_view known = path;
  for (const std::string_view suffix : {".gz", ".safetensors"})
    if (known.size() > folder.size() + suffix.size() && known.ends_with(suffix)) known.remove_suffix(suffix.size());
  for (std::size_t at = text.find(known); at != std::string::npos; at = text.find(known, at)) text.erase(at, folder.size());
  return text;
}

std::string report_page(const ReportInput& input) {
  return filled(page_html, {{"style_hash", std::string(page_css_hash)},
                            {"style", std::string(page_css)},
                            {"version", escaped(version())},
                            {"name", escaped(name_of(input.document))},
                            {"verdict", verdict_of(input.findings)},
                            {"cards", cards_of(input)},
                            {"overview", overview_html(input)},
                            {"loads", loads_html(input)},
                            {"findings", findings_html(input)},
                            {"bytes", bytes_html(input)},
                            {"norms", norms_html(input)},
                            {"values", values_html(input)},
                            {"layers", layers_html(input)},
                            {"metadata", metadata_html(input)}});
}

}  // namespace kvcache::cli

#include "cli/report_page/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/report_page/html.h"
#include "cli/report_page/skeleton.h"
#include "cli/terminal/words.h"

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

std::vector<std::pair<std::string, std::string>> cards_of(const ReportInput& in) {
  const Overview& o = in.overview;
  std::vector<std::pair<std::string, std::string>> out = {
      {"Format", in.document.format == nullptr ? "mixed" : std::string(in.document.format->id)},
      {"Layers", std::to_string(o.layers.size())},
      {"Tokens", std::to_string(o.tokens)},
      {"Size of the file", human_bytes(static_cast<double>(in.document.file.disk_bytes()))}};
  if (const auto cost = o.bytes_per_token()) out.emplace_back("Per token", human_bytes(*cost));
  return out;
}

std::string overview_html(const ReportInput& in) {
  std::string out = "<dl class=\"facts\">\n";
  for (const auto& [title, text] : overview_rows(in.document))
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
  return html_of(
      {.kicker = "Prompt cache report",
       .name = name_of(input.document),
       .verdict = verdict_html(number_of(input.findings, Severity::error), number_of(input.findings, Severity::warning)),
       .cards = cards_of(input),
       .sections = {{"overview", "Overview", "What it is", overview_html(input)},
                    {"loads", "Who can load it", "Who can load it", loads_html(input)},
                    {"findings", "Findings", "Findings", findings_html(input)},
                    {"bytes", "Bytes", "Where the bytes go", bytes_html(input)},
                    {"norms", "Norms", "Norms of keys and values", norms_html(input)},
                    {"values", "Values", "Values", values_html(input)},
                    {"layers", "Layers", "Layers", layers_html(input)},
                    {"metadata", "Metadata", "Metadata", metadata_html(input)}}});
}

}  // namespace kvcache::cli

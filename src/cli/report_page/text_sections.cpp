// Sections in words: who can load the file, what is wrong with it, layers, metadata.
#include <fmt/format.h>

#include <algorithm>

#include "cli/render/verify_output.h"
#include "cli/report_page/html.h"
#include "cli/report_page/page.h"
#include "cli/terminal/words.h"
#include "documents/hint.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

constexpr std::size_t most_findings = 100;
constexpr std::size_t most_layer_rows = 200;
constexpr std::size_t most_metadata = 60;

std::string finding_html(const Finding& f, const Document& document) {
  std::string place = f.where.empty() ? "" : ' ' + escaped(f.where.text());
  if (!f.key.empty()) place += fmt::format(" <code>{}</code>", escaped(printable(f.key)));
  std::string out = fmt::format("<li class=\"finding\"><p><span class=\"tag {0}\">{0}</span> <code>{1}</code>{2}</p><p>{3}</p>",
                                name(f.severity), escaped(f.code), place, escaped(f.message));
  if (!f.remedy.empty())
    out += fmt::format("<p class=\"soft\">What to do: {}</p>",
                       escaped(without_folder(documents::hint_of(f.remedy, document.file.path()), document)));
  if (f.remedy.empty())
    out += fmt::format("<p class=\"soft\">What to do: <code>kvcache explain {}</code></p>", escaped(f.code));
  return out + "</li>\n";
}

/// Equal layers next to each other are one row.
class LayerRows {
 public:
  explicit LayerRows(HtmlTable& table) : table_(table) {}
  void add(const std::string& index, const std::vector<std::string>& cells) {
    if (cells == cells_ && !cells.empty()) {
      last_ = index;
      ++count_;
      return;
    }
    flush();
    first_ = last_ = index;
    cells_ = cells;
    count_ = 1;
  }
  void flush() {
    if (count_ == 0) return;
    ++distinct_;
    if (table_.rows() < most_layer_rows) {
      std::vector<std::string> row = {count_ == 1 ? first_ : fmt::format("{}–{}", first_, last_)};
      for (const std::string& cell : cells_) row.push_back(escaped(cell));
      table_.add(row);
    }
    count_ = 0;
  }
  [[nodiscard]] std::size_t distinct() const { return distinct_; }

 private:
  HtmlTable& table_;
  std::string first_, last_;
  std::vector<std::string> cells_;
  std::size_t count_ = 0, distinct_ = 0;
};

// A list is one row with all of its children, so that equal lists are equal rows.
std::vector<std::string> cells_of(const Facts& facts, bool decoded) {
  std::vector<std::string> cells = layer_cells(facts, decoded);
  cells[0] = layer_kind(facts);
  return cells;
}

}  // namespace

std::string loads_html(const ReportInput& in) {
  HtmlTable table("Runtimes, and what they make of this file",
                  {{"Runtime", "t"}, {"Loads", "t"}, {"Why, and what to do", "w"}});
  for (const Dialect& d : dialects()) {
    if (!d.writable) continue;
    const LoadVerdict verdict = would_load(in.document, d.era, in.findings);
    std::string why = escaped(verdict.reason);
    if (!verdict.fix.empty())
      why += fmt::format("{}<code>{}</code>", why.empty() ? "" : "<br>",
                         escaped(without_folder(documents::fix_of(verdict, in.document.file.path()), in.document)));
    table.add({escaped(d.id), verdict.ok ? "<span class=\"ok\">✓ yes</span>" : "<span class=\"no\">✗ no</span>", why});
  }
  return table.html();
}

std::string findings_html(const ReportInput& in) {
  std::string out;
  if (in.findings.empty()) out += "<p>Nothing is wrong with the container, the keys and the layers.</p>\n";
  if (!in.findings.empty()) out += "<ul class=\"findings\">\n";
  for (std::size_t i = 0; i < std::min(in.findings.size(), most_findings); ++i)
    out += finding_html(in.findings[i], in.document);
  if (!in.findings.empty()) out += "</ul>\n";
  out += left_out(in.findings.size(), most_findings, "findings are not", "kvcache verify FILE");
  for (const UsageNote& note : usage_notes(in.document, in.findings))
    out += fmt::format("<p class=\"soft\">Note: {}</p>\n",
                       escaped(without_folder(documents::sentence_of(note, in.document.file.path()), in.document)));
  return out;
}

std::string layers_html(const ReportInput& in) {
  HtmlTable table("Layers; equal ones next to each other share a row", {{"Layer", "t"},
                                                                        {"Class", ""},
                                                                        {"Tokens", "n"},
                                                                        {"Batch × heads × dim", "t"},
                                                                        {"Dtype", "t"},
                                                                        {"Size", "n"},
                                                                        {"Notes", "w"}});
  LayerRows rows(table);
  for (std::size_t i = 0; i < in.overview.layers.size(); ++i)
    rows.add(std::to_string(i), cells_of(in.overview.layers[i], in.document.sources[i].decoded));
  rows.flush();
  return table.html() + left_out(rows.distinct(), most_layer_rows, "rows are not", "kvcache inspect --layers FILE");
}

std::string metadata_html(const ReportInput& in) {
  const auto& metadata = in.document.cache.metadata;
  if (metadata.empty()) return "<p>No metadata of the user is stored beside the layers.</p>";
  HtmlTable table("What the user stored beside the layers; long values are cut", {{"Key", ""}, {"Value", "w"}});
  for (const auto& [key, value] : metadata) {
    if (table.rows() == most_metadata) break;
    table.add({fmt::format("<code>{}</code>", escaped(printable(key))),
               fmt::format("<code>{}</code>", escaped(printable(value, 400)))});
  }
  return table.html() + left_out(metadata.size(), most_metadata, "entries are not", "kvcache metadata FILE list");
}

}  // namespace kvcache::cli

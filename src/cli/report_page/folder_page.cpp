#include "cli/report_page/folder_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "cli/report_page/html.h"
#include "cli/report_page/skeleton.h"
#include "cli/terminal/words.h"
#include "common/utc_text.h"
#include "documents/hint.h"
#include "documents/verify_json.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

using foreign::Amount;
using foreign::Signature;

constexpr std::size_t most_signatures = 100;

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

/// A path from the named folder on: whoever shares the page need not share where that is.
std::string inner_path(const std::string& path, const std::string& root) {
  const std::string name = std::filesystem::path(root).filename().string();
  return printable(path.starts_with(root) ? name + path.substr(root.size()) : path, 300);
}

std::string day(std::chrono::system_clock::time_point time) {
  return kvcache::detail::utc_text(std::chrono::system_clock::to_time_t(time), "%Y-%m-%d");
}

struct Totals {
  Amount entries;
  std::uint64_t dead = 0;
  std::size_t signatures = 0;
  std::uint64_t errors = 0, warnings = 0;
};

Totals totals_of(const std::vector<ReportedPlace>& places) {
  Totals out;
  for (const ReportedPlace& place : places) {
    out.entries.files += place.explained.all.files;
    out.entries.bytes += place.explained.all.bytes;
    out.dead += place.explained.dead_bytes();
    out.signatures += place.explained.signatures.size();
    out.errors += place.findings.errors;
    out.warnings += place.findings.warnings;
  }
  return out;
}

std::string overview_html(const std::vector<ReportedPlace>& places, const std::string& root) {
  HtmlTable table("Folders and files of servers", {{"Where", "w"},
                                                   {"What", ""},
                                                   {"Entries", "n"},
                                                   {"Size", "n"},
                                                   {"Of no use", "n"},
                                                   {"Unreadable", "n"},
                                                   {"Unfinished", "n"},
                                                   {"Orphans", "n"}});
  for (const ReportedPlace& place : places) {
    const foreign::Explanation& e = place.explained;
    table.add({fmt::format("<code>{}</code>", escaped(inner_path(e.place.path, root))), escaped(e.place.format->title),
               std::to_string(e.all.files), size_of(e.all.bytes), size_of(e.dead_bytes()),
               std::to_string(e.unreadable.amount.files), std::to_string(e.temporary.files), std::to_string(e.orphans.files)});
  }
  return table.html();
}

std::string what_it_is(const Signature& s) {
  std::vector<std::string> words;
  for (const auto& [name, value] : s.settings)
    if (value != s.model) words.push_back(fmt::format("{} {}", name, printable(value, 80)));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string use_of(const Signature& s) {
  if (!s.never_again.empty()) return "<span class=\"no\">never again</span>: " + escaped(printable(s.never_again, 200));
  if (s.never_again_entries > 0) return fmt::format("{} of them never again", s.never_again_entries);
  if (s.without_state > 0)
    return fmt::format("{} cannot end a prompt: the state of some layers is not in them", s.without_state);
  return "<span class=\"ok\">by a server with these settings</span>";
}

std::string settings_html(const std::vector<ReportedPlace>& places) {
  HtmlTable table("Entries with the same settings: a server uses those of its own, and no others", {{"Signature", "t"},
                                                                                                    {"Model", ""},
                                                                                                    {"Settings", "w"},
                                                                                                    {"Entries", "n"},
                                                                                                    {"Tokens", "n"},
                                                                                                    {"Size", "n"},
                                                                                                    {"Newest", "t"},
                                                                                                    {"Used", "w"}});
  std::size_t all = 0;
  std::vector<std::string> dead;
  for (const ReportedPlace& place : places)
    for (const Signature& s : place.explained.signatures) {
      if (s.dead()) dead.push_back(s.id);
      if (++all > most_signatures) continue;
      table.add({fmt::format("<code>{}</code>", s.id), escaped(printable(s.model, 120)), escaped(what_it_is(s)),
                 std::to_string(s.entries.files), std::to_string(s.tokens), size_of(s.entries.bytes), day(s.newest),
                 use_of(s)});
    }
  if (all == 0) return "<p>There is no entry that can be read.</p>";
  std::string out =
      table.html() + left_out(all, std::min(all, most_signatures), "signatures are not", "kvcache explain FOLDER");
  if (!dead.empty())
    out += fmt::format("<p>What no server uses again goes with <code>kvcache prune FOLDER --signature {}</code>.</p>\n",
                       fmt::join(dead, ","));
  return out;
}

std::string bytes_html(const std::vector<ReportedPlace>& places) {
  std::uint64_t living = 0;
  std::uint64_t dead = 0;
  std::uint64_t others = 0;
  for (const ReportedPlace& place : places) {
    const foreign::Explanation& e = place.explained;
    for (const Signature& s : e.signatures) (s.dead() ? dead : living) += s.entries.bytes;
    dead += e.unreadable.amount.bytes + e.temporary.bytes + e.orphans.bytes;
    others += e.others.bytes;
  }
  const double whole = std::max(1.0, static_cast<double>(living + dead + others));
  HtmlTable table("Bytes on the disk", {{"What", ""}, {"Bytes", "n"}, {"Size", "n"}, {"Share", "n"}});
  std::string boxes;
  std::string words;
  double left = 0;
  for (const auto& [title, style, bytes] :
       {std::tuple("Entries that a server may use", "keys", living),
        std::tuple("Of no use: settings of the past, unreadable, unfinished, orphans", "state", dead),
        std::tuple("No caches", "other", others)}) {
    if (bytes == 0) continue;
    const double width = 1000.0 * static_cast<double>(bytes) / whole;
    boxes += fmt::format("<rect class=\"{}\" x=\"{:.2f}\" y=\"0\" width=\"{:.2f}\" height=\"10\"/>", style, left, width);
    words += fmt::format("{}{} {:.1f} %", words.empty() ? "" : ", ", title, width / 10);
    left += width;
    table.add({fmt::format("<svg class=\"swatch\" viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect class=\"{}\" width=\"1\" "
                           "height=\"1\"/></svg>{}",
                           style, title),
               std::to_string(bytes), size_of(bytes), fmt::format("{:.1f} %", width / 10)});
  }
  return fmt::format(
             "<svg class=\"stack\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">{}"
             "</svg>\n",
             escaped(words), boxes) +
         table.html();
}

std::string findings_html(const std::vector<ReportedPlace>& places, const std::string& root) {
  std::uint64_t all = 0;
  std::size_t shown = 0;
  std::string list;
  for (const ReportedPlace& place : places) {
    all += place.findings.errors + place.findings.warnings + place.findings.others;
    for (const auto& [path, f] : place.findings.kept) {
      if (shown == PlaceFindings::most_kept) break;
      ++shown;
      std::string where = fmt::format(" <code>{}</code>", escaped(inner_path(path, root)));
      if (!f.where.empty()) where += ' ' + escaped(f.where.text());
      list += fmt::format("<li class=\"finding\"><p><span class=\"tag {0}\">{0}</span> <code>{1}</code>{2}</p><p>{3}</p>",
                          documents::name(f.severity), escaped(f.code), where, escaped(printable(f.message, 500)));
      if (!f.remedy.empty())
        list += fmt::format("<p class=\"soft\">What to do: {}</p>",
                            escaped(printable(documents::hint_of(f.remedy, inner_path(path, root)), 500)));
      list += "</li>\n";
    }
  }
  if (all == 0) return "<p>Nothing is wrong with the entries, their chains and what lists them.</p>\n";
  return "<ul class=\"findings\">\n" + list + "</ul>\n" +
         left_out(static_cast<std::size_t>(all), shown, "findings are not", "kvcache verify -r FOLDER");
}

}  // namespace

void PlaceFindings::add(const foreign::Report& report) {
  ++files;
  for (const Finding& finding : report.findings) {
    ++(finding.severity == Severity::error ? errors : finding.severity == Severity::warning ? warnings : others);
    const auto at = std::ranges::upper_bound(kept, finding.severity, std::ranges::greater(),
                                             [](const auto& one) { return one.second.severity; });
    if (at == kept.end() && kept.size() == most_kept) continue;
    kept.insert(at, {report.path, finding});
    if (kept.size() > most_kept) kept.pop_back();
  }
}

std::string folder_page(const std::string& path, const std::vector<ReportedPlace>& places) {
  const std::string root = without_slash(path);
  const Totals totals = totals_of(places);
  const std::string shown = printable(std::filesystem::path(root).filename().string(), 120);
  return html_of({.kicker = "Report on the cache of a server",
                  .name = shown.empty() || shown == "." ? "folder" : shown,
                  .verdict = verdict_html(totals.errors, totals.warnings),
                  .cards = {{"Formats", places.size() == 1 ? std::string(places[0].explained.place.format->id)
                                                           : count_of(places.size(), "folder")},
                            {"Entries", std::to_string(totals.entries.files)},
                            {"Size", size_of(totals.entries.bytes)},
                            {"Signatures", std::to_string(totals.signatures)},
                            {"Of no use", size_of(totals.dead)}},
                  .sections = {{"overview", "Overview", "What it is", overview_html(places, root)},
                               {"settings", "Settings", "Settings that servers compare", settings_html(places)},
                               {"bytes", "Bytes", "Where the bytes go", bytes_html(places)},
                               {"findings", "Findings", "Findings", findings_html(places, root)}}});
}

}  // namespace kvcache::cli

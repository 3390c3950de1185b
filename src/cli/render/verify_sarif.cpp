// `kvcache verify --format sarif`: SARIF 2.1.0, for code scanning and for everything else that collects results of checkers.
#include <fmt/format.h>

#include <algorithm>

#include "cli/docs/handbook.h"
#include "cli/render/json.h"
#include "cli/render/verify_output.h"
#include "cli/version.h"
#include "documents/hint.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

std::string_view level(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

/// A relative path stays relative: readers resolve it against the checkout.
std::string uri(std::string_view path) {
  std::string out = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

/// Braces are placeholders in SARIF's messages and [text](target) is a link: text from a file must be neither.
std::string message(const Finding& finding, const std::string& path) {
  const std::string text = finding.remedy.empty()
                               ? finding.message
                               : fmt::format("{}\nhint: {}", finding.message, documents::hint_of(finding.remedy, path));
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{' || text[i] == '}') out += text[i];
    if (text.compare(i, 2, "](") == 0) out += '\\';
    out += text[i];
  }
  return out;
}

/// Into a published copy of docs/; without one, the man page, by the scheme that systemd's units name pages with.
std::string help_uri(const CodeInfo& info, const FindingText& text) {
  const std::string_view published = documents_url();
  if (published.empty()) return "man:kvcache-findings(7)";
  return fmt::format("{}/findings.md#{}", published, text.section.empty() ? std::string(info.code) : anchor(text.section));
}

Json rules() {
  Json out = Json::array();
  for (const CodeInfo& info : finding_codes()) {
    const FindingText text = finding_text(info.code);
    out.push_back({{"id", info.code},
                   {"shortDescription", {{"text", info.title}}},
                   {"fullDescription", {{"text", text.meaning}}},
                   {"help", {{"text", fmt::format("{} {}", text.meaning, text.what_to_do)}}},
                   {"helpUri", help_uri(info, text)},
                   {"defaultConfiguration", {{"level", level(info.severity)}}}});
  }
  return out;
}

/// GitHub shows the first 5,000 results of a run.
constexpr std::size_t most_results = 5000;

class SarifOutput final : public VerifyOutput {
 public:
  explicit SarifOutput(bool infos) : least_(infos ? Severity::info : Severity::warning) {}

  void add(const FileReport& report, bool) override {
    for (const Finding& finding : report.findings) {
      if (finding.severity < least_) continue;
      Results& results = results_[finding.severity];
      ++results.found;
      if (results.kept.size() == most_results) continue;
      results.kept.push_back({number_++, result(report.path, finding)});
    }
  }

  void finish(const VerifyCounts&) override {
    Json run = {{"tool", {{"driver", {{"name", "kvcache"}, {"version", version()}, {"rules", rules()}}}}},
                {"columnKind", "unicodeCodePoints"}};
    run["results"] = chosen();
    print_json({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                {"version", "2.1.0"},
                {"runs", Json::array({std::move(run)})}});
  }

 private:
  struct Kept {
    std::size_t number;  ///< among all
    Json result;
  };
  struct Results {
    std::size_t found = 0;
    std::vector<Kept> kept;
  };

  /// As found; where there are too many, errors before warnings before infos, and how many were left out as the last one.
  Json chosen() {
    std::size_t found = 0;
    for (const auto& [severity, results] : results_) found += results.found;
    std::size_t room = found > most_results ? most_results - 1 : most_results;
    std::vector<Kept> out;
    for (const Severity severity : {Severity::error, Severity::warning, Severity::info}) {
      std::vector<Kept>& kept = results_[severity].kept;
      for (std::size_t i = 0; i < kept.size() && room != 0; ++i, --room) out.push_back(std::move(kept[i]));
    }
    if (found <= most_results) std::ranges::sort(out, {}, &Kept::number);
    Json list = Json::array();
    for (Kept& kept : out) list.push_back(std::move(kept.result));
    if (found > most_results) {
      Json last = {{"level", "warning"},
                   {"message",
                    {{"text", fmt::format("{} more findings are not in this file: `kvcache verify --json` has all of them",
                                          found - list.size())}}}};
      last["locations"] = list.back()["locations"];
      last["ruleId"] = list.back()["ruleId"];
      list.push_back(std::move(last));
    }
    return list;
  }

  static Json result(const std::string& path, const Finding& finding) {
    // Caches have no lines, but GitHub shows nothing that has no place.
    Json location = {{"physicalLocation", {{"artifactLocation", {{"uri", uri(path)}}}, {"region", {{"startLine", 1}}}}}};
    const std::string place = finding.where.empty() ? printable(finding.key) : finding.where.text();
    if (!place.empty()) location["logicalLocations"] = Json::array({Json::object({{"fullyQualifiedName", place}})});
    Json out = {{"ruleId", finding.code}};
    const auto codes = finding_codes();
    const auto rule = std::ranges::find(codes, finding.code, &CodeInfo::code);
    if (rule != codes.end()) out["ruleIndex"] = rule - codes.begin();
    out["level"] = level(finding.severity);
    out["message"] = {{"text", message(finding, path)}};
    out["locations"] = Json::array({std::move(location)});
    return out;
  }

  Severity least_;
  std::size_t number_ = 0;
  std::map<Severity, Results> results_;
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_sarif(const Context&, const VerifyShow& show) {
  return std::make_unique<SarifOutput>(show.infos);
}

}  // namespace kvcache::cli

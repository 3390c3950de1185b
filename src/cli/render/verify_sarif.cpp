// `kvcache verify --format sarif`: SARIF 2.1.0, for code scanning and for everything else that collects results of checkers.
#include <fmt/format.h>

#include <algorithm>

#include "cli/render/json.h"
#include "cli/render/verify_output.h"
#include "cli/version.h"
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
std::string message(const Finding& finding) {
  const std::string text = finding.hint.empty() ? finding.message : fmt::format("{}\nhint: {}", finding.message, finding.hint);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{' || text[i] == '}') out += text[i];
    if (text.compare(i, 2, "](") == 0) out += '\\';
    out += text[i];
  }
  return out;
}

Json rules() {
  Json out = Json::array();
  for (const CodeInfo& info : finding_codes())
    out.push_back({{"id", info.code},
                   {"shortDescription", {{"text", info.title}}},
                   {"defaultConfiguration", {{"level", level(info.severity)}}}});
  return out;
}

class SarifOutput final : public VerifyOutput {
 public:
  void add(const FileReport& report) override {
    for (const Finding& finding : report.findings) results_.push_back(result(report.path, finding));
  }

  void finish(const VerifyCounts&) override {
    Json run = {{"tool", {{"driver", {{"name", "kvcache"}, {"version", version()}, {"rules", rules()}}}}},
                {"columnKind", "unicodeCodePoints"}};
    run["results"] = std::move(results_);
    print_json({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                {"version", "2.1.0"},
                {"runs", Json::array({std::move(run)})}});
  }

 private:
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
    out["message"] = {{"text", message(finding)}};
    out["locations"] = Json::array({std::move(location)});
    return out;
  }

  Json results_ = Json::array();
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_sarif(const Context&, bool) {
  return std::make_unique<SarifOutput>();
}

}  // namespace kvcache::cli

// `kvcache verify --json`: schema kvcache.verify/1.
#include "cli/render/json.h"
#include "cli/render/loads_in_json.h"
#include "cli/render/repair_json.h"
#include "cli/render/verify_output.h"
#include "kvcache/verify.h"

namespace kvcache::cli {
namespace {

Json json_of(const Finding& finding) {
  Json out = {{"code", finding.code}, {"severity", name(finding.severity)}};
  if (!finding.where.empty()) out["where"] = finding.where;
  if (!finding.key.empty()) out["key"] = printable(finding.key);
  out["message"] = finding.message;
  if (!finding.hint.empty()) out["hint"] = finding.hint;
  return out;
}

Json json_of(const FileReport& report) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(json_of(finding));
  Json out = {{"path", report.path},
              {"status", kvcache::name(report.status)},
              {"format", report.format == nullptr ? Json(nullptr) : Json(report.format->id)},
              {"findings", std::move(findings)},
              {"loads_in", loads_in_json(report.loads_in)},
              {"notes", report.notes}};
  if (report.fixes) {
    out["fixes"] = repairs_json(report.fixes->repairs);
    out["undecided"] = undecided_json(report.fixes->undecided);
    out["repairable"] = !report.fixes->repairs.empty() && is_repaired(*report.fixes);
  }
  return out;
}

class JsonOutput final : public VerifyOutput {
 public:
  void add(const FileReport& report) override { files_.push_back(json_of(report)); }

  void finish(const VerifyCounts& counts) override {
    Json summary = {{"files", counts.files}};
    for (const Status status : {Status::ok, Status::warnings, Status::errors, Status::unreadable}) {
      const auto found = counts.by_status.find(status);
      summary[std::string(kvcache::name(status))] = found == counts.by_status.end() ? 0 : found->second;
    }
    Json others = Json::array();
    for (const auto& [what, paths] : counts.not_caches)
      for (const std::string& path : paths) others.push_back({{"path", path}, {"what", what}});
    summary["not_caches"] = others.size();
    print_json({{"schema", "kvcache.verify/1"},
                {"files", std::move(files_)},
                {"not_caches", std::move(others)},
                {"summary", std::move(summary)}});
  }

 private:
  Json files_ = Json::array();
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_json(const Context&, bool) {
  return std::make_unique<JsonOutput>();
}

}  // namespace kvcache::cli

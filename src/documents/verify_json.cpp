#include "documents/verify_json.h"

#include "documents/hint.h"
#include "documents/loads_in_json.h"
#include "documents/repair_json.h"
#include "kvcache/printable.h"

namespace kvcache::documents {
namespace {

Json finding_json(const Finding& finding, const std::string& file) {
  Json out = {{"code", finding.code}, {"severity", name(finding.severity)}};
  if (!finding.where.empty()) out["where"] = finding.where.text();
  if (!finding.key.empty()) out["key"] = printable(finding.key);
  out["message"] = finding.message;
  if (!finding.remedy.empty()) out["hint"] = hint_of(finding.remedy, file);
  return out;
}

}  // namespace

Json json_of(const FileReport& report) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(finding_json(finding, report.path));
  Json notes = Json::array();
  for (const UsageNote& note : report.notes) notes.push_back(sentence_of(note, report.path));
  Json out = {{"path", report.path},
              {"status", kvcache::name(report.status)},
              {"format", report.format == nullptr ? Json(nullptr) : Json(report.format->id)},
              {"findings", std::move(findings)},
              {"loads_in", loads_in_json(report.loads_in, report.path)},
              {"notes", std::move(notes)}};
  if (report.fixes) {
    out["fixes"] = repairs_json(report.fixes->repairs);
    out["undecided"] = undecided_json(report.fixes->undecided);
    out["repairable"] = !report.fixes->repairs.empty() && is_repaired(*report.fixes);
  }
  return out;
}

std::string_view name(Severity severity) noexcept {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

void VerifyJson::add(const FileReport& report) {
  files_.push_back(json_of(report));
}

Json VerifyJson::finish(const catalog::VerifyCounts& counts) {
  Json summary = {{"files", counts.files}};
  for (const Status status : {Status::ok, Status::warnings, Status::errors, Status::unreadable}) {
    const auto found = counts.by_status.find(status);
    summary[std::string(kvcache::name(status))] = found == counts.by_status.end() ? 0 : found->second;
  }
  Json others = Json::array();
  for (const auto& [what, paths] : counts.not_caches)
    for (const std::string& path : paths) others.push_back({{"path", path}, {"what", what}});
  summary["not_caches"] = others.size();
  return {{"schema", "kvcache.verify/1"},
          {"files", std::move(files_)},
          {"not_caches", std::move(others)},
          {"summary", std::move(summary)}};
}

}  // namespace kvcache::documents

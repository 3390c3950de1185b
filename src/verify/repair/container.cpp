// What writing the file anew puts right, and keys that no section has.
#include <fmt/format.h>

#include <algorithm>

#include "verify/repair/layers.h"
#include "verify/rules.h"

namespace kvcache::detail {
namespace {

std::string without_rest(const std::string& message) {
  return message.substr(0, message.find(": "));
}

}  // namespace

void drop_findings(Document& document, std::string_view code) {
  std::erase_if(document.findings, [code](const Finding& f) { return f.code == code; });
}

void repair_container(Document& document, RepairPlan& plan) {
  constexpr std::pair<std::string_view, std::string_view> cures[] = {
      {"KV119", "the hole goes"}, {"KV120", "the trailing bytes go"}, {"KV121", "the header is padded with spaces"}};
  for (const auto& [code, cure] : cures) {
    for (const Finding& finding : document.findings) {
      if (finding.code != code) continue;
      plan.repairs.push_back({finding.code, finding.where, fmt::format("{}: {}", cure, without_rest(finding.message))});
    }
    drop_findings(document, code);
  }
}

void repair_keys(Document& document, RepairPlan& plan) {
  Findings kept;
  for (const Finding& finding : document.findings) {
    const auto entry =
        finding.code == "KV202" ? document.file.header().metadata.find(finding.key) : document.file.header().metadata.end();
    if (entry == document.file.header().metadata.end()) {
      kept.push_back(finding);
      continue;
    }
    if (!document.cache.metadata.emplace(entry->first, entry->second).second) {
      plan.undecided.push_back({finding.code,
                                finding.where,
                                finding.message,
                                {fmt::format("user metadata '{}' as it is there", printable(finding.key)),
                                 fmt::format("'{}' from outside the sections", printable(finding.key))}});
      kept.push_back(finding);
      continue;
    }
    plan.layers_changed = true;
    plan.repairs.push_back(
        {finding.code, finding.where,
         fmt::format("metadata key '{}' becomes user metadata, where no loader minds it", printable(finding.key))});
  }
  document.findings = std::move(kept);
}

}  // namespace kvcache::detail

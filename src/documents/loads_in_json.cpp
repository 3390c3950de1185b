#include "documents/loads_in_json.h"
#include "kvcache/verify.h"

namespace kvcache::documents {
namespace {

Json json_of(const LoadVerdict& verdict) {
  Json out = {{"ok", verdict.ok}};
  if (!verdict.reason.empty()) out["reason"] = verdict.reason;
  if (!verdict.fix.empty()) out["fix"] = verdict.fix;
  return out;
}

}  // namespace

Json loads_in_json(const std::map<Era, LoadVerdict>& verdicts) {
  Json out = Json::object();
  for (const Dialect& d : dialects())
    if (const auto found = verdicts.find(d.era); found != verdicts.end()) out[std::string(d.id)] = json_of(found->second);
  return out;
}

}  // namespace kvcache::documents

#include "documents/loads_in_json.h"
#include "documents/hint.h"
#include "kvcache/verify.h"

namespace kvcache::documents {
namespace {

Json verdict_json(const LoadVerdict& verdict, const std::string& file) {
  Json out = {{"ok", verdict.ok}};
  if (!verdict.reason.empty()) out["reason"] = verdict.reason;
  if (!verdict.fix.empty()) out["fix"] = fix_of(verdict, file);
  return out;
}

}  // namespace

Json loads_in_json(const std::map<Era, LoadVerdict>& verdicts, const std::string& file) {
  Json out = Json::object();
  for (const Dialect& d : dialects())
    if (const auto found = verdicts.find(d.era); found != verdicts.end())
      out[std::string(d.id)] = verdict_json(found->second, file);
  return out;
}

}  // namespace kvcache::documents

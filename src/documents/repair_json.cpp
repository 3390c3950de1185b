#include "documents/repair_json.h"

namespace kvcache::documents {
namespace {

template <typename Entry>
Json entry_of(const Entry& entry) {
  Json out = {{"code", entry.code}};
  if (!entry.where.empty()) out["where"] = entry.where.text();
  out["message"] = entry.message;
  return out;
}

}  // namespace

Json repairs_json(const std::vector<Repair>& repairs) {
  Json out = Json::array();
  for (const Repair& repair : repairs) out.push_back(entry_of(repair));
  return out;
}

Json undecided_json(const std::vector<Undecided>& undecided) {
  Json out = Json::array();
  for (const Undecided& entry : undecided) {
    out.push_back(entry_of(entry));
    out.back()["choices"] = entry.choices;
  }
  return out;
}

}  // namespace kvcache::documents

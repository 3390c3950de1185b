#include "documents/remedy_json.h"

namespace kvcache::documents {

Json remedy_json(const Remedy& remedy) {
  Json out = Json::array();
  for (const Remedy::Part& part : remedy.parts()) {
    if (part.action == Remedy::Action::none) {
      out.push_back({{"words", part.words}});
      continue;
    }
    Json arguments = Json::object();
    for (const auto& [name, value] : part.arguments) arguments[name] = value;
    out.push_back({{"action", action_name(part.action)}, {"arguments", std::move(arguments)}});
  }
  return out;
}

}  // namespace kvcache::documents

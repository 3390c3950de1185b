#include "verify/known_model.h"

#include "kvcache/error.h"
#include "kvcache/stamp.h"

namespace kvcache::detail {

std::optional<std::string> known_model_type(const Document& document) {
  try {
    if (const auto stamp = find_stamp(document.cache); stamp && !stamp->model_type.empty()) return stamp->model_type;
  } catch (const Error&) {
    // KV801 says so; the name may still tell.
  }
  const auto model = document.cache.metadata.find("model");
  if (model == document.cache.metadata.end()) return std::nullopt;
  const auto type = model_type_of_name(model->second);
  return type ? std::optional<std::string>(*type) : std::nullopt;
}

FormVerdict judge_form(const Document& document, Era target) {
  return judge_form(document.cache, document.candidates, target, known_model_type(document));
}

}  // namespace kvcache::detail

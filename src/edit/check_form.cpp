#include "edit/check_form.h"

#include <fmt/format.h>

#include "kvcache/error.h"
#include "kvcache/model_config.h"
#include "verify/known_model.h"

namespace kvcache::detail {

void require_writable(const Target& target) {
  if (!dialect(target.era()).writable)
    throw Error(ErrorKind::usage, fmt::format("{} can be read but is never written", target.id()),
                "no release in use loads it");
}

std::string check_form(const Document& document, Era era, const std::optional<std::string>& model_type) {
  const FormVerdict verdict =
      model_type ? judge_form(document.cache, document.candidates, era, model_type) : judge_form(document, era);
  if (!verdict.wrong.empty())
    throw Error(ErrorKind::impossible, verdict.wrong,
                "process the prompt again there; keep this file for the runtime that wrote it");
  return verdict.doubtful;
}

std::string given_model_type(const std::string& folder) {
  try {
    return read_model_config(folder).model_type;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::impossible) throw;
    return {};
  }
}

}  // namespace kvcache::detail

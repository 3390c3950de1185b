// Which model a file is of, as far as it says so itself.
#pragma once

#include <optional>
#include <string>

#include "format/cached_forms.h"
#include "kvcache/format.h"

namespace kvcache::detail {

/// model_type from its stamp, else from the name that the metadata give the model; nothing where neither tells.
[[nodiscard]] std::optional<std::string> known_model_type(const Document& document);

/// judge_form() for what is known of the document's model.
[[nodiscard]] FormVerdict judge_form(const Document& document, Era target);

}  // namespace kvcache::detail

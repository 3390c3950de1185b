// Whether a conversion to another runtime means anything there.
#pragma once

#include <optional>
#include <string>

#include "kvcache/document.h"
#include "kvcache/release.h"

namespace kvcache::detail {

/// Throws Error(usage) for a format that is read and never written.
void require_writable(const Target& target);

/// Models of two runtimes may cache different arrays for one architecture, which no change of the file's form mends: then
/// Error(impossible). Where nothing tells whether it is one, a sentence about the doubt, which
/// the model's config.json dispels, else nothing. `model_type`: of the
/// model, empty for one that is not known here; nothing: as far as the file tells.
[[nodiscard]] std::string check_form(const Document& document, Era era, const std::optional<std::string>& model_type);

/// model_type of a model's folder or config.json; empty for a model that is not known here. Throws Error(io),
/// Error(unreadable).
[[nodiscard]] std::string given_model_type(const std::string& folder);

}  // namespace kvcache::detail

// What `kvcache diff` says.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/render/json.h"
#include "kvcache/compare.h"
#include "kvcache/format.h"

namespace kvcache::cli {

[[nodiscard]] Json diff_json(const Document& a, const Document& b, const Comparison& comparison);
[[nodiscard]] std::string diff_text(const Context& context, const Document& a, const Document& b, const Comparison& comparison);

}  // namespace kvcache::cli

// What a stamp says of the moment, the model and the prompt.
#pragma once

#include <string>

#include "kvcache/stamp.h"

namespace kvcache::detail {

/// Now, or SOURCE_DATE_EPOCH (reproducible-builds.org): the same input then gives the same bytes. Throws Error(usage) where
/// that is no time.
[[nodiscard]] std::string stamp_time();
/// Digests of the model's files, and its type where it is known here. Throws Error(io).
void add_model(StampRequest& request, const std::string& folder);
/// The same text. Throws Error(usage) where it is not UTF-8.
[[nodiscard]] std::string require_utf8(std::string text);

}  // namespace kvcache::detail

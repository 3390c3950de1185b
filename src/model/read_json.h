// JSON as Python's json module reads it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace kvcache::detail {

/// NaN, Infinity and -Infinity, which Python writes and JSON does not know, become texts. Throws Error(unreadable) for what is
/// no JSON object.
[[nodiscard]] nlohmann::json read_json_object(std::string_view text);

}  // namespace kvcache::detail

// Text that is hashed, or compared byte for byte: written one way only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace kvcache::store::detail {

/// Keys in order, no blanks, ASCII.
[[nodiscard]] inline std::string ascii(const nlohmann::json& json) {
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// Each use of the digest has a domain of its own, so that none can pass for another.
[[nodiscard]] inline std::string domain(std::string_view name) {
  std::string out = "kvcache/";
  out.append(name).append("/1").push_back('\0');
  return out;
}

}  // namespace kvcache::store::detail

// JSON as all documents of this project are written.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace kvcache::documents {

/// Objects keep the order in which keys are added: what matters first comes first.
using Json = nlohmann::ordered_json;

/// One document and a line break. Pure ASCII, so that control characters of any kind arrive escaped; bytes of paths that are
/// not UTF-8 become U+FFFD.
inline std::string json_text(const Json& document) {
  return document.dump(1, ' ', true, Json::error_handler_t::replace) + "\n";
}

/// null for nothing.
template <typename T>
Json json_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

/// JSON has no infinity and no NaN: null for them.
inline Json json_of(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

}  // namespace kvcache::documents

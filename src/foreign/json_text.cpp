#include "foreign/json_text.h"

#include <fmt/format.h>

#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

constexpr int most_depth = 64;

const Json* member(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  std::size_t values = 0;
  const auto refuse = [&](const char* why) { throw Error(ErrorKind::unreadable, fmt::format("{} {}", what, why)); };
  const auto count = [&](int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
    if (depth > most_depth) refuse("is nested too deeply");
    if (++values > most_json_values) refuse("has too many values");
    return true;
  };
  try {
    return Json::parse(text, count);
  } catch (const Json::exception&) {
    refuse("is no JSON");
  }
  return {};
}

std::optional<std::string> text_member(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

std::optional<std::int64_t> integer_member(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return value->get<std::int64_t>();
}

const Json* array_member(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_array() ? value : nullptr;
}

const Json* object_member(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_object() ? value : nullptr;
}

std::optional<std::vector<std::int32_t>> ids_of(const Json& list) {
  if (!list.is_array()) return std::nullopt;
  std::vector<std::int32_t> ids;
  ids.reserve(list.size());
  for (const Json& id : list) {
    if (!id.is_number_integer()) return std::nullopt;
    const auto value = id.get<std::int64_t>();
    if (value < 0 || value > INT32_MAX) return std::nullopt;
    ids.push_back(static_cast<std::int32_t>(value));
  }
  return ids;
}

}  // namespace kvcache::foreign

#include "format/model_fields.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kvcache/dtype.h"
#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

[[noreturn]] void wrong(std::string_view name, std::string_view expected) {
  throw Error(ErrorKind::unreadable, fmt::format("{} is not {}", name, expected));
}

std::optional<std::int64_t> integer_of(const nlohmann::json& value) {
  // What does not fit into 63 bits is unsigned for the parser, or a float.
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(max_dim)) return std::nullopt;
  return value.get<std::int64_t>();
}

}  // namespace

const nlohmann::json* ModelFields::find(std::string_view name) const {
  const auto it = object_.find(std::string(name));
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool ModelFields::has(std::string_view name) const {
  return find(name) != nullptr;
}

std::optional<std::int64_t> ModelFields::integer(std::string_view name, std::int64_t low) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto number = integer_of(*value);
  if (!number || *number < low || *number > max_dim) wrong(name, fmt::format("an integer from {} to {}", low, max_dim));
  return number;
}

std::optional<std::int64_t> ModelFields::size(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names)
    if (const auto value = integer(name, 1)) return value;
  return std::nullopt;
}

std::int64_t ModelFields::size_or(std::string_view name, std::int64_t otherwise) const {
  return integer(name, 1).value_or(otherwise);
}

std::int64_t ModelFields::required_size(std::initializer_list<std::string_view> names) const {
  if (const auto value = size(names)) return *value;
  throw Error(ErrorKind::unreadable, fmt::format("there is no {}", *names.begin()),
              "is it the config.json of a language model?");
}

std::int64_t ModelFields::count_or(std::string_view name, std::int64_t otherwise) const {
  return integer(name, 0).value_or(otherwise);
}

bool ModelFields::flag(std::string_view name) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return false;
  if (!value->is_boolean()) wrong(name, "true or false");
  return value->get<bool>();
}

std::optional<std::string> ModelFields::text(std::string_view name) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong(name, "a string");
  return value->get<std::string>();
}

bool ModelFields::is_text(std::string_view name) const {
  const nlohmann::json* value = find(name);
  return value != nullptr && value->is_string();
}

std::optional<std::vector<std::string>> ModelFields::texts(std::string_view name) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) wrong(name, "a list of strings");
  std::vector<std::string> all;
  for (const nlohmann::json& item : *value) {
    if (!item.is_string()) wrong(name, "a list of strings");
    all.push_back(item.get<std::string>());
  }
  return all;
}

std::optional<std::vector<std::int64_t>> ModelFields::integers(std::string_view name) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) wrong(name, "a list of integers");
  std::vector<std::int64_t> all;
  for (const nlohmann::json& item : *value) {
    const auto number = integer_of(item);
    if (!number) wrong(name, "a list of integers");
    all.push_back(*number);
  }
  return all;
}

std::optional<ModelFields> ModelFields::object(std::string_view name) const {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) wrong(name, "an object");
  return ModelFields(*value);
}

}  // namespace kvcache::detail

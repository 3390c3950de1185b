#include "model/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

constexpr std::size_t most_shown = 60;

std::string shortened(std::string text) {
  if (text.size() <= most_shown) return text;
  std::size_t end = most_shown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // not within a character
  return text.substr(0, end) + "...";
}

std::string quoted(const std::string& text) {
  return shortened(nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (const auto* x = std::get_if<List>(&a.is)) {
    const auto* y = std::get_if<List>(&b.is);
    return y != nullptr && std::equal((*x)->begin(), (*x)->end(), (*y)->begin(), (*y)->end(), equal);
  }
  if (const auto* x = std::get_if<std::int64_t>(&a.is)) {
    const auto* y = std::get_if<std::int64_t>(&b.is);
    return y != nullptr && *x == *y;
  }
  if (const auto* x = std::get_if<std::string>(&a.is)) {
    const auto* y = std::get_if<std::string>(&b.is);
    return y != nullptr && *x == *y;
  }
  if (const auto* x = std::get_if<bool>(&a.is)) {
    const auto* y = std::get_if<bool>(&b.is);
    return y != nullptr && *x == *y;
  }
  return a.none() && b.none();
}

bool truth(const Value& value) {
  if (value.none()) return false;
  if (const auto* x = std::get_if<bool>(&value.is)) return *x;
  if (const auto* x = std::get_if<std::int64_t>(&value.is)) return *x != 0;
  if (const auto* x = std::get_if<std::string>(&value.is)) return !x->empty();
  if (const auto* x = std::get_if<List>(&value.is)) return !(*x)->empty();
  if (const auto* x = std::get_if<const nlohmann::json*>(&value.is)) return !(*x)->empty();
  if (std::holds_alternative<Foreign>(value.is)) return true;
  throw Error(ErrorKind::unreadable, "a cache is no condition");
}

std::string in_json(const Value& value) {
  if (value.none()) return "null";
  if (const auto* x = std::get_if<bool>(&value.is)) return *x ? "true" : "false";
  if (const auto* x = std::get_if<std::int64_t>(&value.is)) return fmt::format("{}", *x);
  if (const auto* x = std::get_if<std::string>(&value.is)) return quoted(*x);
  if (const auto* x = std::get_if<Foreign>(&value.is)) return shortened(x->text);
  if (const auto* x = std::get_if<List>(&value.is)) return (*x)->empty() ? "[]" : fmt::format("a list of {}", (*x)->size());
  if (std::holds_alternative<const nlohmann::json*>(value.is)) return "an object";
  return "a cache";
}

Value list_value(Values values) {
  return {std::make_shared<const Values>(std::move(values))};
}

Value value_of(const nlohmann::json& json) {
  using Type = nlohmann::json::value_t;
  switch (json.type()) {
    case Type::null:
      return {};
    case Type::boolean:
      return {json.get<bool>()};
    case Type::number_integer:
      return {json.get<std::int64_t>()};
    case Type::number_unsigned:
      if (json.get<std::uint64_t>() <= static_cast<std::uint64_t>(max_dim)) return {json.get<std::int64_t>()};
      break;
    case Type::string:
      return {json.get<std::string>()};
    case Type::array: {
      if (json.size() > static_cast<std::size_t>(most_layers))
        throw Error(ErrorKind::unreadable, fmt::format("a list of {} entries: more than any model has layers", json.size()));
      Values values;
      values.reserve(json.size());
      for (const nlohmann::json& item : json) values.push_back(value_of(item));
      return list_value(std::move(values));
    }
    case Type::object:
      return {&json};
    default:
      break;
  }
  return {Foreign{json.dump()}};
}

}  // namespace kvcache::detail

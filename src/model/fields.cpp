#include "model/fields.h"
#include "model/unknown.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

using FieldKind = ModelField::Kind;

bool is_zero(const Value& value) {
  return value.is.index() != 0 && !truth(value);
}

void check_kind(const ModelField& field, const Value& value) {
  const auto wrong = [&](const std::string& expected) {
    unknown(fmt::format("{} is {}, not {}", field.name, in_json(value), expected));
  };
  switch (field.kind) {
    case FieldKind::size:
    case FieldKind::count: {
      const std::int64_t low = field.kind == FieldKind::size ? 1 : 0;
      const auto* const number = std::get_if<std::int64_t>(&value.is);
      if (number == nullptr || *number < low || *number > max_dim) wrong(fmt::format("an integer from {} to {}", low, max_dim));
      return;
    }
    case FieldKind::flag:
      if (!std::holds_alternative<bool>(value.is) && !std::holds_alternative<std::int64_t>(value.is)) wrong("true or false");
      return;
    case FieldKind::list:
      if (!std::holds_alternative<List>(value.is) && !std::holds_alternative<std::string>(value.is)) wrong("a list");
      return;
    case FieldKind::object:
      if (!std::holds_alternative<const nlohmann::json*>(value.is)) wrong("an object");
      return;
    case FieldKind::let:
      return;
  }
}

}  // namespace

bool Fields::has(const std::string& name) const {
  return name == "i" || row_.field(name) != nullptr;
}

const nlohmann::json* Fields::find(const std::string& name) const {
  const nlohmann::json* object = &object_;
  std::string rest = name;
  for (std::size_t dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
    const std::string outer = rest.substr(0, dot);
    const auto it = object->find(outer);
    if (it == object->end() || it->is_null()) return nullptr;
    if (!it->is_object()) unknown(fmt::format("{} is {}, not an object", outer, in_json(value_of(*it))));
    object = &*it;
    rest.erase(0, dot + 1);
  }
  const auto it = object->find(rest);
  return it == object->end() ? nullptr : &*it;
}

Value Fields::read(const ModelField& field) {
  const nlohmann::json* json = find(field.name);
  if (json == nullptr) {
    if (!field.absent)
      unknown(fmt::format("there is no {}, which {} needs", field.name, row_.source()),
              "is it the config.json of a language model?");
    Value value = evaluate(*field.absent, *this);
    if (!value.none() && std::get_if<List>(&value.is) == nullptr)
      assumed_.push_back(fmt::format("{} {}", field.name, in_json(value)));
    return value;
  }
  Value value = value_of(*json);
  if (value.none()) {
    if (!field.null) unknown(fmt::format("{} is null", field.name));
    return evaluate(*field.null, *this);
  }
  if (field.zero && is_zero(value)) return evaluate(*field.zero, *this);
  check_kind(field, value);
  return value;
}

Value Fields::of(const std::string& name) {
  if (name == "i") return {layer_};
  const ModelField& field = *row_.field(name);
  if (field.kind == FieldKind::let) return evaluate(*field.absent, *this);
  if (const auto it = known_.find(name); it != known_.end()) return it->second;
  Value value = read(field);
  known_.emplace(name, value);
  return value;
}

void Fields::require() {
  for (const ModelField& field : row_.fields)
    if (!field.absent) static_cast<void>(of(field.name));
}

}  // namespace kvcache::detail

// What an expression of the table of model types can be.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <variant>
#include <vector>

#include "kvcache/prompt_cache.h"

namespace kvcache::detail {

struct Value;
using Values = std::vector<Value>;

/// An entry of a list, or an object of it, that no expression reads as it is: a fraction, for example.
struct Foreign {
  std::string text;
  friend bool operator==(const Foreign&, const Foreign&) = default;
};

/// Lists and caches never change, and are looked at once for each layer.
using List = std::shared_ptr<const Values>;
using Made = std::shared_ptr<const LayerSpec>;

struct Value {
  std::variant<std::monostate, bool, std::int64_t, std::string, List, const nlohmann::json*, Made, Foreign> is;

  [[nodiscard]] bool none() const { return std::holds_alternative<std::monostate>(is); }
};

/// As Python compares: numbers, texts, lists of them, none. Whatever else is never equal.
[[nodiscard]] bool equal(const Value& a, const Value& b);
/// As Python takes it in a condition. Throws Error(unreadable) for a cache.
[[nodiscard]] bool truth(const Value& value);
/// As it is written in JSON, shortened: for messages.
[[nodiscard]] std::string in_json(const Value& value);
/// Not a limit of any model: what a mistaken or hostile number of layers would otherwise cost.
inline constexpr std::int64_t most_layers = 10000;

[[nodiscard]] Value list_value(Values values);
/// Of a JSON value; throws Error(unreadable) for a list longer than most_layers. Objects are looked at where they are, so
/// `json` outlives what is returned.
[[nodiscard]] Value value_of(const nlohmann::json& json);

}  // namespace kvcache::detail

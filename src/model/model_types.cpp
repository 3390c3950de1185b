// The table for readers: names, rules in words, and a picture of each type.
#include "kvcache/model_types.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/layers.h"

namespace kvcache {
namespace {

using detail::ModelField;
using detail::ModelRow;
using nlohmann::json;

std::string text_in_words(ModelRow::Text text) {
  switch (text) {
    case ModelRow::Text::required:
      return "in text_config, which has to be there";
    case ModelRow::Text::top:
      return "in text_config, or beside it where there is none";
    case ModelRow::Text::empty:
      return "in text_config; where there is none, all count as absent";
    case ModelRow::Text::none:
      break;
  }
  return {};
}

std::string in_words(const ModelField& field) {
  if (field.rule.empty()) return "required";
  // "or" is the table's word for three cases that readers need not tell apart.
  if (field.rule.starts_with("or ")) return "= " + field.rule.substr(3) + " (null and 0, too)";
  if (field.rule.starts_with("else ") && field.rule.find(" zero ") == std::string::npos)
    return "= " + field.rule.substr(5) + " (null, too)";
  if (field.rule.starts_with("null ") || field.rule.starts_with("zero ")) return "required; " + field.rule;
  return field.rule;
}

/// `[...]*8` is a list eight times.
json example_value(const std::string& text) {
  const std::size_t star = text.rfind("]*");
  if (star == std::string::npos) return json::parse(text);
  const json once = json::parse(text.substr(0, star + 1));
  json all = json::array();
  for (int i = std::stoi(text.substr(star + 2)); i > 0; --i) all.insert(all.end(), once.begin(), once.end());
  return all;
}

void put(json& object, std::string name, json value) {
  json* inner = &object;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
    inner = &(*inner)[name.substr(0, dot)];
    name.erase(0, dot + 1);
  }
  (*inner)[name] = std::move(value);
}

/// A config with a value for every field that has no default.
json example_of(const ModelRow& row) {
  const auto& common = detail::model_table().example;
  json fields = json::object();
  for (const ModelField& field : row.fields) {
    if (field.kind == ModelField::Kind::let) continue;
    const auto own = row.example.find(field.name);
    if (own != row.example.end()) {
      put(fields, field.name, example_value(own->second));
    } else if (!field.absent) {
      const auto it = common.find(field.name);
      if (it == common.end()) throw std::invalid_argument(fmt::format("{}: no example for {}", row.type, field.name));
      put(fields, field.name, example_value(it->second));
    }
  }
  if (row.text == ModelRow::Text::none) return fields;
  return {{"text_config", std::move(fields)}};
}

std::vector<std::string> rules_of(const ModelRow& row) {
  std::vector<std::string> rules = {"layers " + row.layers_text};
  if (!row.before_text.empty()) rules.push_back("in front " + row.before_text);
  for (const detail::CacheRule& rule : row.rules) rules.push_back(rule.text);
  return rules;
}

ModelType in_words(const ModelRow& row) {
  ModelType type;
  type.name = row.type;
  type.also = row.also;
  type.source = row.source();
  type.text_config = text_in_words(row.text);
  for (const ModelField& field : row.fields) {
    if (field.kind == ModelField::Kind::let)
      type.caches.push_back(fmt::format("let {} {}", field.name, field.rule));
    else
      type.fields.emplace_back(field.name, in_words(field));
  }
  for (std::string& rule : rules_of(row)) type.caches.push_back(std::move(rule));
  for (const detail::Remark& check : row.checks) type.caches.push_back(fmt::format("unknown unless {}", check.rule));
  type.picture = layers_in_words(detail::model_layers(row, example_of(row)).layers);
  type.traps = row.traps;
  if (const ModelRow* const swift = detail::model_table().find(row.type, ModelCode::mlx_swift_lm); swift->swift) {
    type.swift_source = swift->source();
    type.swift_caches = rules_of(*swift);
    for (const std::string& trap : swift->traps) type.swift_caches.push_back(trap);
  }
  type.own_caches = row.own_caches;
  type.unquantized = row.unquantized;
  return type;
}

}  // namespace

std::vector<ModelType> model_types() {
  std::vector<ModelType> types;
  for (const ModelRow& row : detail::model_table().rows) types.push_back(in_words(row));
  return types;
}

std::vector<std::pair<std::string, std::string>> absent_model_types() {
  const auto& absent = detail::model_table().absent;
  return {absent.begin(), absent.end()};
}

}  // namespace kvcache

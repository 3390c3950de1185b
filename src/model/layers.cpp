#include "model/layers.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kvcache/error.h"
#include "model/fields.h"
#include "model/unknown.h"

namespace kvcache::detail {
namespace {

/// The object that the row's fields are in.
const nlohmann::json& fields_of(const ModelRow& row, const nlohmann::json& config) {
  static const nlohmann::json nothing = nlohmann::json::object();
  if (row.text == ModelRow::Text::none) return config;
  const auto text = config.find("text_config");
  if (text == config.end()) {
    if (row.text == ModelRow::Text::top) return config;
    if (row.text == ModelRow::Text::empty) return nothing;
    unknown(fmt::format("there is no text_config, which {} needs", row.source()));
  }
  if (text->is_null() && row.text == ModelRow::Text::empty) return nothing;
  if (!text->is_object()) unknown(fmt::format("text_config is {}, not an object", in_json(value_of(*text))));
  return *text;
}

std::int64_t count_layers(const ModelRow& row, Fields& fields) {
  const Value count = evaluate(*row.layers, fields);
  const auto* const number = std::get_if<std::int64_t>(&count.is);
  if (number == nullptr || *number < 1) unknown("no layer has a cache");
  if (*number > most_layers) unknown(fmt::format("{} layers are more than any model has", *number));
  return *number;
}

/// Nothing for a layer without a cache.
Made cache_of_layer(const ModelRow& row, Fields& fields, std::int64_t i) {
  fields.at_layer(i);
  fields.last_entry.clear();
  for (const CacheRule& rule : row.rules) {
    if (rule.condition && !truth(evaluate(*rule.condition, fields))) continue;
    const Value made = evaluate(rule.cache, fields);
    return made.none() ? nullptr : std::get<Made>(made.is);
  }
  unknown(fmt::format("which cache layer {} has is not known: {}", i, fields.last_entry));
}

}  // namespace

ModelLayers model_layers(const ModelRow& row, const nlohmann::json& config) {
  Fields fields(row, fields_of(row, config));
  fields.require();
  for (const Remark& check : row.checks)
    if (!truth(evaluate(check.condition, fields))) unknown(check.text);
  ModelLayers all;
  if (row.before) all.layers.push_back(*std::get<Made>(evaluate(*row.before, fields).is));
  const std::int64_t count = count_layers(row, fields);
  for (std::int64_t i = 0; i < count; ++i)
    if (const Made made = cache_of_layer(row, fields, i)) all.layers.push_back(*made);
  if (all.layers.empty()) unknown("no layer has a cache");
  for (const Remark& note : row.notes)
    if (truth(evaluate(note.condition, fields))) all.notes.push_back(note.text);
  all.assumed = fields.assumed();
  return all;
}

}  // namespace kvcache::detail

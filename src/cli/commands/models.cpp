// kvcache models: which model types are known, and what each reads of a config.json.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/render/json.h"
#include "cli/render/table.h"
#include "cli/terminal/stdout.h"
#include "cli/terminal/words.h"
#include "common/nearest.h"
#include "kvcache/error.h"
#include "kvcache/model_types.h"

namespace kvcache::cli {
namespace {

using Absent = std::pair<std::string, std::string>;

struct ModelsArguments {
  std::string type;
  bool json = false;
};

bool is_called(const ModelType& type, const std::string& name) {
  return type.name == name || std::find(type.also.begin(), type.also.end(), name) != type.also.end();
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Json swift_of(const ModelType& type) {
  if (type.swift_source.empty()) return nullptr;
  return {{"source", type.swift_source}, {"caches", type.swift_caches}};
}

Json type_json(const ModelType& type) {
  Json fields = Json::array();
  for (const auto& [name, rule] : type.fields) fields.push_back({{"name", name}, {"when_absent", rule}});
  return {{"type", type.name},
          {"also", type.also},
          {"source", type.source},
          {"text_config", type.text_config.empty() ? Json(nullptr) : Json(type.text_config)},
          {"fields", std::move(fields)},
          {"caches", type.caches},
          {"picture", type.picture},
          {"swift", swift_of(type)},
          {"traps", type.traps},
          {"max_kv_size", !type.own_caches},
          {"unquantized", type.unquantized.empty() ? Json(nullptr) : Json(type.unquantized)}};
}

void print_all_json(const std::vector<ModelType>& types, const std::vector<Absent>& absent) {
  Json models = Json::array();
  for (const ModelType& type : types) models.push_back(type_json(type));
  Json others = Json::array();
  for (const auto& [name, why] : absent) others.push_back({{"type", name}, {"known", why}});
  print_json({{"schema", "kvcache.models/1"},
              {"mlx_lm", model_types_commit},
              {"models", std::move(models)},
              {"absent", std::move(others)}});
}

void print_list(Context& context, const std::vector<ModelType>& types, const std::vector<Absent>& absent) {
  const Style style(context, stdout);
  Table table({{"type", Table::Align::left}, {"caches, for example", Table::Align::left}});
  for (const ModelType& type : types)
    table.add({type.name, type.picture + (type.also.empty() ? "" : " (also " + joined(type.also) + ")")});
  print(table.text(style));
  print(fmt::format("\nNot known, by name (mlx-lm {}):\n", model_types_commit));
  Table others({{"", Table::Align::left}, {"", Table::Align::left}}, 2);
  for (const auto& [name, why] : absent) others.add({name, why});
  print(others.text(style));
}

void print_lines(Context& context, const std::string& title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  Table table({{"", Table::Align::left}}, 2);
  for (const std::string& line : lines) table.add({line});
  print('\n' + paragraph(title) + table.text(Style(context, stdout)));
}

void print_one(Context& context, const ModelType& type) {
  print(paragraph(fmt::format("{}{}: as {} of mlx-lm {} makes them", type.name,
                              type.also.empty() ? "" : ", " + joined(type.also), type.source, model_types_commit)));
  print(paragraph(fmt::format("for example {}", type.picture)) + '\n');
  if (!type.text_config.empty()) print(paragraph(fmt::format("Fields are {}.", type.text_config)));
  Table table({{"field", Table::Align::left}, {"when it is absent", Table::Align::left}});
  for (const auto& [name, rule] : type.fields) table.add({name, rule});
  print(table.text(Style(context, stdout)));
  print_lines(context, "caches", type.caches);
  if (!type.swift_source.empty()) print_lines(context, "otherwise in " + type.swift_source, type.swift_caches);
  std::vector<std::string> traps = type.traps;
  if (type.own_caches) traps.emplace_back("--max-kv-size changes nothing: the model makes its caches itself");
  if (!type.unquantized.empty()) traps.push_back("cannot be quantized: " + type.unquantized);
  print_lines(context, "traps", traps);
}

int run_models(Context& context, const ModelsArguments& options) {
  std::vector<ModelType> types = model_types();
  std::vector<Absent> absent = absent_model_types();
  if (options.type.empty()) {
    if (options.json)
      print_all_json(types, absent);
    else
      print_list(context, types, absent);
    return 0;
  }
  std::vector<std::string_view> names;
  for (const ModelType& type : types) {
    names.emplace_back(type.name);
    names.insert(names.end(), type.also.begin(), type.also.end());
  }
  const std::string meant(detail::nearest(options.type, names));
  std::erase_if(types, [&](const ModelType& type) { return !is_called(type, options.type); });
  std::erase_if(absent, [&](const Absent& other) { return other.first != options.type; });
  if (types.empty() && absent.empty())
    throw Error(ErrorKind::usage, fmt::format("the model type '{}' is not known", options.type),
                meant.empty() ? "kvcache models" : fmt::format("kvcache models {}", meant));
  if (options.json)
    print_all_json(types, absent);
  else if (types.empty())
    print(paragraph(fmt::format("{}: {}", absent[0].first, absent[0].second)));
  else
    print_one(context, types[0]);
  return 0;
}

Action declare_models(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ModelsArguments>();
  app.add_option("TYPE", options->type, "model_type of a config.json; all otherwise");
  app.add_flag("--json", options->json, "Everything, as JSON");
  return [&context, options] { return run_models(context, *options); };
}

}  // namespace

const Command models_command = {
    "models",
    Group::looking,
    "List the known model types, and what each reads of a config.json",
    "  kvcache models gemma3_text\n"
    "  kvcache models | grep qwen",
    declare_models,
    "Which caches a model has depends on its type: each reads fields of its own, and no other. `estimate --config`, "
    "`create --config` and `verify --model` go by this table; a type that is not in it is not guessed."};

}  // namespace kvcache::cli

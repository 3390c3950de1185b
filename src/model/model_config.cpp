#include "kvcache/model_config.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "kvcache/error.h"
#include "model/layers.h"
#include "model/read_json.h"
#include "platform/text_file.h"

namespace kvcache {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_bytes = 16U << 20U;

std::optional<Dtype> dtype_of(const nlohmann::json& object) {
  for (const char* name : {"dtype", "torch_dtype"}) {
    const auto it = object.find(name);
    if (it == object.end() || !it->is_string()) continue;
    // transformers wrote it as Python prints it for a while.
    std::string text = it->get<std::string>();
    if (text.starts_with("torch.")) text.erase(0, 6);
    if (text == "float16") return Dtype::F16;
    if (text == "bfloat16") return Dtype::BF16;
    if (text == "float32") return Dtype::F32;
  }
  return std::nullopt;
}

/// A wrapper may say it beside or within its text_config.
std::optional<Dtype> dtype_of(const detail::ModelRow& row, const nlohmann::json& config) {
  if (row.text != detail::ModelRow::Text::none)
    if (const auto text = config.find("text_config"); text != config.end() && text->is_object())
      if (const auto dtype = dtype_of(*text)) return dtype;
  return dtype_of(config);
}

const detail::ModelRow& row_of(const nlohmann::json& config, ModelCode code) {
  const auto type = config.find("model_type");
  if (type == config.end() || !type->is_string())
    throw Error(ErrorKind::impossible, fmt::format("model_type is {}: which model it is decides which caches it has",
                                                   type == config.end() ? "absent" : detail::in_json(detail::value_of(*type))));
  const auto name = type->get<std::string>();
  const detail::ModelTable& table = detail::model_table();
  if (const detail::ModelRow* row = table.find(name, code)) return *row;
  const std::string shown = detail::in_json({name});
  const auto absent = table.absent.find(name);
  throw Error(
      ErrorKind::impossible,
      absent == table.absent.end() ? fmt::format("the model type {} is not known here", shown)
                                   : fmt::format("{}: {}", shown, absent->second),
      "'kvcache models' lists the known ones; give layers, heads and head dim yourself, or a cache that the model made");
}

}  // namespace

ModelConfig parse_model_config(std::string_view json, ModelCode code) {
  const nlohmann::json document = detail::read_json_object(json);
  const detail::ModelRow& row = row_of(document, code);
  ModelConfig config;
  config.model_type = document["model_type"].get<std::string>();
  config.row = row.type;
  config.source = row.source();
  config.own_caches = row.own_caches;
  config.state_may_be_f32 = row.state_may_be_f32;
  config.unquantized = row.unquantized;
  try {
    detail::ModelLayers made = detail::model_layers(row, document);
    config.layers = std::move(made.layers);
    config.assumed = std::move(made.assumed);
    config.notes = std::move(made.notes);
  } catch (const Error& e) {
    // A config of a model, but not one that tells its caches.
    throw Error(ErrorKind::impossible, fmt::format("{}: {}", config.model_type, e.what()), e.remedy());
  }
  config.dtype = dtype_of(row, document);
  return config;
}

ModelConfig read_model_config(const std::string& path, ModelCode code) {
  std::error_code error;
  const fs::path file = fs::is_directory(path, error) ? fs::path(path) / "config.json" : fs::path(path);
  return parse_model_config(
      detail::read_text_file(file.string(), {most_bytes, ErrorKind::unreadable, "is it the config.json of a model?"}), code);
}

}  // namespace kvcache

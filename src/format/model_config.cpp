#include "kvcache/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/count_of.h"
#include "format/model_layers.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache {
namespace {

namespace fs = std::filesystem;

constexpr std::streamsize most_bytes = 16 << 20;

[[noreturn]] void cannot_read(const std::string& why) {
  throw Error(ErrorKind::io, "cannot be read: " + why);
}

std::string read_text(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) cannot_read("no such file");
  // Opening a FIFO would wait for whoever writes to it.
  if (!fs::is_regular_file(status)) cannot_read("not a regular file");
  std::ifstream in(path, std::ios::binary);
  if (!in) cannot_read("cannot be opened");
  std::string text;
  char buffer[64 << 10];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
    if (static_cast<std::streamsize>(text.size()) > most_bytes)
      throw Error(ErrorKind::unreadable, "more than 16 MiB", "is it the config.json of a model?");
  }
  if (in.bad()) cannot_read("read error");
  return text;
}

std::optional<Dtype> dtype_of(const detail::ModelFields& fields) {
  const char* name = fields.has("dtype") ? "dtype" : "torch_dtype";
  if (!fields.is_text(name)) return std::nullopt;
  const std::string text = *fields.text(name);
  if (text == "float16") return Dtype::F16;
  if (text == "bfloat16") return Dtype::BF16;
  if (text == "float32") return Dtype::F32;
  return std::nullopt;
}

bool has_unknown_slots(const LayerSpec& spec) {
  if (spec.kind == LayerSpec::Kind::arrays) return spec.slot_shapes.size() < spec.slots;
  return std::any_of(spec.children.begin(), spec.children.end(), has_unknown_slots);
}

std::vector<std::string> notes_of(const std::vector<LayerSpec>& layers) {
  const auto unknown = static_cast<std::size_t>(std::count_if(layers.begin(), layers.end(), has_unknown_slots));
  if (unknown == 0) return {};
  const auto first = std::find_if(layers.begin(), layers.end(), has_unknown_slots) - layers.begin();
  return {fmt::format("the shapes of the recurrent state of {} (from layer {} on) are not known from the config",
                      detail::count_of(unknown, "layer"), first)};
}

}  // namespace

ModelConfig parse_model_config(std::string_view json) {
  const nlohmann::json document = nlohmann::json::parse(json, nullptr, false);
  if (!document.is_object()) throw Error(ErrorKind::unreadable, "not a JSON object");
  const detail::ModelFields whole(document);
  // Models that see or hear keep their language model in an object of its own.
  const detail::ModelFields fields = whole.object("text_config").value_or(whole);
  ModelConfig config;
  config.model_type = whole.text("model_type").value_or("");
  // "qwen3_5" around "qwen3_5_text"; but gemma3's own text_config says less than the class around it assumes.
  const bool inner = config.model_type != "gemma3" || !whole.has("text_config");
  if (inner) config.model_type = fields.text("model_type").value_or(config.model_type);
  config.layers = detail::model_layers(config.model_type, fields);
  config.dtype = dtype_of(fields);
  if (!config.dtype) config.dtype = dtype_of(whole);
  config.notes = notes_of(config.layers);
  return config;
}

ModelConfig read_model_config(const std::string& path) {
  std::error_code error;
  return parse_model_config(read_text(fs::is_directory(path, error) ? fs::path(path) / "config.json" : fs::path(path)));
}

}  // namespace kvcache

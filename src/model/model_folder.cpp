// A model's folder: its config.json, and digests of the files that decide what tokens mean.
#include <fmt/format.h>

#include <filesystem>

#include "common/sha256.h"
#include "kvcache/error.h"
#include "kvcache/model_folder.h"
#include "model/model_folder.h"
#include "platform/file.h"

namespace kvcache {
namespace {

namespace fs = std::filesystem;

std::string digest_of(const fs::path& path) {
  const detail::File file = detail::File::open_input(path.string());
  detail::Sha256 sum;
  std::vector<std::byte> buffer(64 << 10);
  while (const std::size_t n = file.read_some(buffer)) sum.update(std::span(buffer).first(n));
  return sum.hex();
}

/// What mlx-swift-lm makes, where it has code of its own for the type.
std::optional<ModelConfig> swift_config(const std::string& path, const ModelConfig& config) {
  try {
    ModelConfig swift = read_model_config(path, ModelCode::mlx_swift_lm);
    if (swift.source != config.source) return swift;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::io) throw;  // a field that only its code needs: as if it had none of its own
  }
  return std::nullopt;
}

}  // namespace

std::map<std::string, std::string> model_digests(const std::string& folder) {
  std::map<std::string, std::string> digests;
  for (const std::string_view name : detail::model_files) {
    const fs::path path = fs::path(folder) / name;
    std::error_code error;
    // Without config.json it is no model; all others depend on the tokenizer.
    if (name != detail::model_files.front() && !fs::exists(path, error)) continue;
    try {
      digests.emplace(name, digest_of(path));
    } catch (const Error& e) {
      throw Error(e.kind(), fmt::format("{} {}", name, e.what()), "name the folder of the model, with its config.json");
    }
  }
  return digests;
}

ModelFolder read_model_folder(const std::string& path) {
  ModelFolder folder{path, model_digests(path), std::nullopt, {}, std::nullopt};
  try {
    folder.config = read_model_config(path);
    folder.swift_config = swift_config(path, *folder.config);
  } catch (const Error& e) {
    // Digests and all that needs no layout are compared with such a model, too.
    if (e.kind() != ErrorKind::impossible) throw;
    folder.why_no_config = e.what();
  }
  return folder;
}

}  // namespace kvcache

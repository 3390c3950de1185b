// Whose caches they are: a digest of what a model's keys and values depend on.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "kvcache/byte_source.h"
#include "kvcache/error.h"
#include "kvcache/model_folder.h"
#include "kvcache/sha256.h"
#include "kvcache/store.h"
#include "platform/text_file.h"

namespace kvcache::store {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uint64_t end_bytes = std::uint64_t{4} << 20U;

std::string read_part(const ByteSource& source, std::uint64_t from, std::uint64_t size) {
  std::vector<std::byte> bytes(size);
  source.read_at(from, bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // NOLINT: bytes as text
}

/// Size, first and last bytes: what no two files of weights have alike.
Json ends_of(const fs::path& path) {
  const auto source = file_source(path.string());
  const std::uint64_t size = source->size();
  const std::uint64_t part = std::min(size, end_bytes);
  return {size, sha256(read_part(*source, 0, part)), sha256(read_part(*source, size - part, part))};
}

bool is_weights(const fs::path& path) {
  const std::string name = path.extension().string();
  return name == ".safetensors" || name == ".npz" || name == ".gguf" || name == ".bin" || name == ".pt";
}

std::vector<fs::path> weight_files(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder, error))
    if (is_weights(item.path()) && item.is_regular_file(error)) out.push_back(item.path());
  if (error)
    throw Error(ErrorKind::io, fmt::format("cannot read the folder {}: {}", printable(folder.string(), 4096), error.message()));
  std::ranges::sort(out);
  return out;
}

/// Of the weights in a folder; empty where there are none.
std::string weights_digest(const fs::path& folder) {
  const std::vector<fs::path> files = weight_files(folder);
  if (files.empty()) return {};
  Json facts = Json::object();
  std::error_code error;
  const fs::path index = folder / "model.safetensors.index.json";
  if (fs::is_regular_file(index, error)) {
    // It names every tensor and the file that it is in.
    facts["index"] =
        sha256(kvcache::detail::read_text_file(index.string(), {64U << 20U, ErrorKind::unreadable, "an index of weights"}));
    for (const fs::path& file : files) facts["sizes"][file.filename().string()] = fs::file_size(file, error);
  } else {
    for (const fs::path& file : files) facts["files"][file.filename().string()] = ends_of(file);
  }
  return sha256(facts.dump(-1, ' ', true, Json::error_handler_t::replace));
}

}  // namespace

Identity identity_of_model(const std::string& folder, const std::string& adapter) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw Error(fs::exists(folder, error) ? ErrorKind::usage : ErrorKind::io,
                fmt::format("{} is no folder", printable(folder, 4096)),
                Remedy(Remedy::Action::repeat, {{"model", "DIR"}}) + ": the folder of the model, with its config.json");
  Identity identity;
  fs::path path = fs::path(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (path.filename() == "." || path.filename() == "..") path = fs::absolute(path, error).lexically_normal();
  identity.name = path.filename().string();
  identity.attributes = model_digests(folder);
  identity.config = identity.attributes.at("config.json");
  identity.attributes.erase("config.json");
  const fs::path chat_template = fs::path(folder) / "chat_template.jinja";
  if (fs::is_regular_file(chat_template, error))
    identity.attributes["chat_template.jinja"] =
        sha256(kvcache::detail::read_text_file(chat_template.string(), {16U << 20U, ErrorKind::unreadable, "a template"}));
  identity.weights = weights_digest(folder);
  Json key = {{"config", identity.config}, {"weights", identity.weights}};
  if (!adapter.empty()) {
    const std::string digest = weights_digest(adapter);
    if (digest.empty())
      throw Error(ErrorKind::usage, fmt::format("no weights of an adapter are in {}", printable(adapter, 4096)),
                  Remedy(Remedy::Action::repeat, {{"adapter", "DIR"}}) + ": the folder with its safetensors file");
    key["adapter"] = digest;
  }
  identity.key = sha256(key.dump());
  return identity;
}

Identity identity_of_text(std::string_view text) {
  if (text.empty()) throw Error(ErrorKind::usage, "the identity is empty", "any text that changes with the model");
  Identity identity;
  identity.name = text;
  std::string key = "kvcache/identity/1";
  key.push_back('\0');
  identity.key = sha256(key.append(text));
  return identity;
}

}  // namespace kvcache::store

#include "foreign/entry_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "foreign/base64.h"
#include "foreign/file_names.h"
#include "foreign/header_fields.h"
#include "foreign/little_endian.h"
#include "foreign/manifest.h"
#include "foreign/names.h"
#include "foreign/prompt_file.h"
#include "foreign/small_file.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<fs::path> names_in(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> out;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    if (!it->is_symlink(unknown)) out.push_back(it->path());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::optional<std::vector<std::int32_t>> ids_in_metadata(const Metadata& user) {
  const std::string* text = find_metadata(user, "tokens_b64");
  if (text == nullptr) return std::nullopt;
  const std::optional<std::string> bytes = decode_base64(*text);
  if (!bytes || bytes->size() % 4 != 0) throw Error(ErrorKind::unreadable, "metadata 'tokens_b64' is no list of token ids");
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < bytes->size(); i += 4) {
    ids.push_back(read_le<std::int32_t>(*bytes, i));
    if (ids.back() < 0) throw Error(ErrorKind::unreadable, "metadata 'tokens_b64': a token id is negative");
  }
  if (const std::string* length = find_metadata(user, "length");
      length != nullptr && whole_number<std::size_t>(*length) != ids.size())
    throw Error(ErrorKind::unreadable,
                fmt::format("metadata 'tokens_b64' holds {} token ids, and 'length' says {}", ids.size(), printable(*length)));
  return ids;
}

void EntryStore::add(Entry entry, std::span<const std::int32_t> mine, std::span<const std::int32_t> theirs) {
  entry.tokens = static_cast<std::int64_t>(theirs.size());
  entry.common = std::ranges::mismatch(mine, theirs).in1 - mine.begin();
  entries.push_back(std::move(entry));
}

EntryStore EntryStore::of_1218(const std::string& folder, std::span<const std::int32_t> ids) {
  EntryStore store;
  store.folder = folder;
  std::error_code error;
  for (const fs::path& model : names_in(fs::path(folder) / "models", error)) {
    if (!is_hex(model.filename().string(), 16)) continue;
    std::string name;
    try {
      const Json info = Json::parse(read_small_file((model / "info.json").string()), nullptr, false);
      if (info.is_object() && info.contains("model_path_hint") && info["model_path_hint"].is_string())
        name = info["model_path_hint"].get<std::string>();
    } catch (const Error& problem) {
      if (problem.kind() == ErrorKind::interrupted) throw;
    }
    std::error_code inner;
    for (const fs::path& path : names_in(model / "entries", inner)) {
      if (path.extension() != safetensors_ending || !is_hex(path.stem().string(), 16)) continue;
      Entry entry{path.string(), name, 0, 0, {}};
      try {
        const Document document = read_document(path.string());
        const auto stored = ids_in_metadata(document.cache.metadata);
        if (!stored) throw Error(ErrorKind::unreadable, "it has no token ids in its metadata");
        if (mlx_lm_1218_stem(*stored) != path.stem()) entry.problem = "its tokens are not those that its name is made of";
        store.add(std::move(entry), ids, *stored);
      } catch (const Error& problem) {
        if (problem.kind() == ErrorKind::interrupted) throw;
        if (std::error_code gone; problem.kind() == ErrorKind::io && !fs::exists(path, gone)) continue;
        entry.problem = problem.what();
        store.entries.push_back(std::move(entry));
      }
    }
    if (inner) store.unreadable.push_back((model / "entries").string());
  }
  if (error) throw Error(ErrorKind::io, fmt::format("cannot be read: {}", error.message()));
  return store;
}

EntryStore EntryStore::of_manifest(const std::string& folder, std::span<const std::int32_t> ids) {
  EntryStore store;
  store.folder = folder;
  for (ManifestEntry& found : manifest_entries(read_small_file(folder + "/manifest.json")))
    store.add({folder + "/" + found.file, std::move(found.model), 0, 0, {}}, ids, found.ids);
  return store;
}

std::optional<EntryStore::Match> EntryStore::match(std::string& why) const {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].common == 0) continue;
    if (entries[i].problem.empty())
      order.push_back(i);
    else if (why.empty())
      why = fmt::format("{}: {}", printable(entries[i].path, 500), entries[i].problem);
  }
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return entries[a].common > entries[b].common; });
  for (const std::size_t i : order) {
    const Entry& entry = entries[i];
    try {
      PromptCache cache = read_document(entry.path).cache;
      // Saved after an answer, a cache may lack the last token of its list: it was never fed.
      const std::int64_t held = agreed_tokens(cache).value_or(entry.tokens);
      if (held != entry.tokens && held != entry.tokens - 1)
        throw Error(ErrorKind::impossible, fmt::format("{} token ids, but the cache has seen {} tokens", entry.tokens, held));
      const std::int64_t usable = std::min(entry.common, held);
      if (held > usable) {
        if (std::ranges::any_of(cache.layers, [](const auto& layer) { return !layer->trimmable(); })) continue;
        trim_prompt_cache_to(cache, usable);
      }
      return Match{i, usable, held > usable};
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      if (why.empty()) why = fmt::format("{}: {}", printable(entry.path, 500), error.what());
    }
  }
  return std::nullopt;
}

PromptCache EntryStore::restore(const Match& match) const {
  PromptCache cache = read_document(entries[match.entry].path).cache;
  if (match.trimmed) trim_prompt_cache_to(cache, match.tokens);
  return cache;
}

}  // namespace kvcache::foreign

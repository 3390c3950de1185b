#include "foreign/forget.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "foreign/entries/entry_folder.h"
#include "foreign/manifest.h"
#include "foreign/mlxpc_store.h"
#include "foreign/row_tools.h"
#include "foreign/small_file.h"
#include "foreign/sqlite_rows.h"
#include "foreign/ssd_tier/ssd_entry.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "platform/remove_file.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;
using Names = std::set<std::string>;

/// A number of an object, less what is gone of it.
void subtract(OrderedJson& object, const char* key, std::uint64_t gone) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned()) return;
  const auto before = it->get<std::uint64_t>();
  *it = before - std::min(before, gone);
}

std::uint64_t number(const OrderedJson& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : 0;
}

/// entry_3.safetensors is entry 3 of the list.
void forget_numbered(OrderedJson& index, const Names& names) {
  const auto list = index.find("entries");
  if (list == index.end() || !list->is_array()) throw Error(ErrorKind::unreadable, "index.json is no index of entries");
  OrderedJson left = OrderedJson::array();
  for (OrderedJson& entry : *list) {
    const bool numbered = entry.is_object() && entry.contains("index") && entry["index"].is_number_integer();
    if (numbered && names.contains(fmt::format("entry_{}.safetensors", entry["index"].get<std::int64_t>())))
      subtract(index, "total_memory_bytes", number(entry, "memory_bytes"));
    else
      left.push_back(std::move(entry));
  }
  index["num_entries"] = left.size();
  index["entries"] = std::move(left);
}

/// Files by their names, and hashes that lead to them.
void forget_snapshots(OrderedJson& index, const Names& names) {
  const auto files = index.find("files");
  const auto hashes = index.find("byHash");
  if (files == index.end() || !files->is_object() || hashes == index.end() || !hashes->is_object())
    throw Error(ErrorKind::unreadable, "index.json is no index of snapshots");
  for (const std::string& name : names) {
    const auto file = files->find(name);
    if (file == files->end()) continue;
    subtract(index, "totalBytes", number(*file, "byteSize"));
    files->erase(name);
  }
  OrderedJson left = OrderedJson::object();
  for (auto& [hash, boundary] : hashes->items()) {
    const bool gone = boundary.is_object() && boundary.contains("fileName") && boundary["fileName"].is_string() &&
                      names.contains(boundary["fileName"].get<std::string>());
    if (!gone) left[hash] = std::move(boundary);
  }
  *hashes = std::move(left);
}

/// Replaces an index by what `change` makes of its text.
void change_text(const std::string& path, const std::function<std::string(const std::string&)>& change) {
  const auto before = detail::file_state(path);
  if (!before) return;  // no index: nothing lists them
  const std::string text = change(read_small_file(path));
  if (detail::file_state(path) != before)
    throw Error(ErrorKind::io, "a server has written to the index meanwhile", "stop the server, or try again", "KV100");
  write_small_file(path, text, path);
}

/// An index of a form that is not known here is left as it is: what else in it tells of an entry, nobody can say.
[[noreturn]] void refuse_version(const std::string& what) {
  throw Error(ErrorKind::unreadable, what + ": only its server can delete entries, or you the folder as a whole", {}, "KV902");
}

void change_json(const std::string& path, const Names& names, const std::function<void(OrderedJson&, const Names&)>& change,
                 int indent) {
  change_text(path, [&](const std::string& text) {
    OrderedJson index = OrderedJson::parse(text, nullptr, false);
    if (!index.is_object()) throw Error(ErrorKind::unreadable, fmt::format("{} is no JSON object", printable(path, 500)));
    change(index, names);
    return index.dump(indent, ' ', true, OrderedJson::error_handler_t::replace);
  });
}

Names file_names(std::span<const std::string> entries) {
  Names out;
  for (const std::string& entry : entries) out.insert(fs::path(entry).filename().string());
  return out;
}

void forget_entry_numbers(const Place& place, std::span<const std::string> entries) {
  const auto owner = place.format->id == "vllm-mlx" ? entries::Owner::vllm_mlx : entries::Owner::rapid_mlx;
  const auto change = [owner](OrderedJson& index, const Names& names) {
    const auto version = index.find("version");
    if (version == index.end() || !version->is_number_integer()) refuse_version("index.json has no version");
    try {
      entries::require_known_version(version->get<std::int64_t>(), owner);
    } catch (const Error& error) {
      refuse_version(error.what());
    }
    forget_numbered(index, names);
  };
  change_json(place.path + "/index.json", file_names(entries), change, 2);
  // A shortcut into the list that was: the server makes it anew.
  std::error_code ignored;
  fs::remove(place.path + "/radix.index", ignored);
}

void forget_mlxpc(const Place& place, std::span<const std::string> entries) {
  const auto change = [](OrderedJson& index, const Names& names) {
    const auto header = index.find("header");
    if (header != index.end() && header->is_object() && header->contains("indexLayout")) {
      const OrderedJson& layout = (*header)["indexLayout"];
      if (!layout.is_null() && layout != known_mlxpc_layout)
        refuse_version(
            fmt::format("an index of layout {}, and {} is known here", printable(layout.dump(), 32), known_mlxpc_layout));
    }
    forget_snapshots(index, names);
  };
  change_json(place.path + "/index.json", file_names(entries), change, -1);
}

/// Rows of one table whose column is one of these texts.
void forget_rows(const std::string& path, std::string_view table, std::string_view column, const Names& values) {
  if (std::error_code unknown; !fs::exists(path, unknown)) return;
  // None of these databases numbers itself so far.
  each_row(path, "PRAGMA user_version", [](const std::vector<SqliteValue>& row) {
    const auto* version = std::get_if<std::int64_t>(&row.at(0));
    if (version == nullptr || *version != 0)
      refuse_version(
          fmt::format("an index of version {}, and those without a number are known here", version == nullptr ? -1 : *version));
  });
  const std::string list = OrderedJson(std::vector<std::string>(values.begin(), values.end())).dump();
  change_rows(path, fmt::format("DELETE FROM {} WHERE {} IN (SELECT value FROM json_each(?1))", table, column), {list});
}

void forget_ssd(const Place& place, std::span<const std::string> entries) {
  ssd::require_known_schema(place.path + "/index.db");
  forget_rows(place.path + "/index.db", "entries", "file_path", file_names(entries));
}

void forget_vmlx(const Place& place, std::span<const std::string> entries) {
  forget_rows(place.path + "/cache_index.db", "cache_entries", "file_name", file_names(entries));
}

void forget_vmlx_swift(const Place& place, std::span<const std::string> entries) {
  Names hashes;
  for (const std::string& entry : entries) hashes.insert(fs::path(entry).stem().string());
  forget_rows(place.path + "/cache_index.db", "cache_entries", "hash", hashes);
}

/// vmlx names blocks by their digests in a column of its own, and so does a port of it to Swift.
void forget_vmlx_blocks(const Place& place, std::span<const std::string> entries) {
  const std::string path = place.path + "/block_index.db";
  std::string column;
  each_row(path, "SELECT name FROM pragma_table_info('blocks') WHERE name IN ('block_hash', 'hash') ORDER BY name",
           [&](const std::vector<SqliteValue>& row) {
             if (const auto* name = std::get_if<std::string>(&row.at(0)); name != nullptr && column.empty()) column = *name;
           });
  if (column.empty())
    throw Error(ErrorKind::unreadable,
                "block_index.db has no table of blocks by their digests: only its server can delete them", {}, "KV906");
  Names hashes;
  for (const std::string& entry : entries) hashes.insert(fs::path(entry).stem().string());
  forget_rows(path, "blocks", column, hashes);
}

/// A list whose form is only known by its looks.
void forget_listed(const Place& place, std::span<const std::string> entries) {
  Names files;
  for (const std::string& entry : entries) files.insert(entry.substr(place.path.size() + 1));
  change_text(place.path + "/manifest.json", [&](const std::string& text) { return manifest_without(text, files); });
}

/// What lists the entries of a format.
struct Index {
  std::string_view format;
  std::string_view file;
  bool sqlite;
  void (*forget)(const Place& place, std::span<const std::string> entries);
};

constexpr std::array indexes = {
    Index{"vllm-mlx", "index.json", false, forget_entry_numbers},
    Index{"rapid-mlx", "index.json", false, forget_entry_numbers},
    Index{"vllm-mlx-ssd", "index.db", true, forget_ssd},
    Index{"mlx-prompt-cache", "index.json", false, forget_mlxpc},
    Index{"vmlx", "cache_index.db", true, forget_vmlx},
    Index{"vmlx-swift", "cache_index.db", true, forget_vmlx_swift},
    Index{"vmlx-blocks", "block_index.db", true, forget_vmlx_blocks},
    Index{"mlx-lm-1405", "manifest.json", false, forget_listed},
};

const Index* index_of(const Place& place) {
  if (place.is_file) return nullptr;
  const auto* found = std::ranges::find(indexes, place.format->id, &Index::format);
  if (found == indexes.end()) return nullptr;
  std::error_code unknown;
  return fs::exists(fmt::format("{}/{}", place.path, found->file), unknown) ? found : nullptr;
}

}  // namespace

std::vector<std::string> files_of_entry(const Place& place, const std::string& entry) {
  std::error_code unknown;
  std::vector<std::string> out;
  if (fs::is_directory(fs::symlink_status(entry, unknown))) {
    for (const std::string& name : files_in(entry)) out.push_back(fmt::format("{}/{}", entry, name));
    return out;
  }
  out.push_back(entry);
  const auto add = [&](const std::string& path) {
    if (fs::is_regular_file(fs::symlink_status(path, unknown))) out.push_back(path);
  };
  constexpr std::string_view ending = ".safetensors";
  const std::string stem = entry.ends_with(ending) ? entry.substr(0, entry.size() - ending.size()) : entry;
  if (place.format->id == "vllm-mlx" || place.format->id == "rapid-mlx") add(stem + "_tokens.bin");
  if (place.format->id == "omlx" && !place.is_file) {
    for (const std::string_view other : {".tokens", ".txt"}) add(stem + std::string(other));
    // In the folder, or in that of the model where models are a level of their own.
    std::set<std::string> roots = {place.path};
    const fs::path model = fs::path(entry).parent_path().parent_path();
    if (model.string().starts_with(place.path + "/")) roots.insert(model.string());
    for (const std::string& root : roots) {
      const std::string beside = root + "/_gdn_sidecars";
      for (const std::string& settings : folders_in(beside))
        add(fmt::format("{}/{}/{}", beside, settings, fs::path(entry).filename().string()));
    }
  }
  return out;
}

std::string why_left_to_server(const Place& place) {
  const Index* index = index_of(place);
  if (index == nullptr) return {};
  if (index->sqlite && !has_sqlite())
    return fmt::format("{} lists it, and this build has no SQLite: only its server can delete it", index->file);
  return {};
}

void forget_entries(const Place& place, std::span<const std::string> entries) {
  const Index* index = index_of(place);
  if (index != nullptr) index->forget(place, entries);
}

}  // namespace kvcache::foreign

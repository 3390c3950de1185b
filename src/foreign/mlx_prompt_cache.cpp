// mlx-prompt-cache (Swift): the row of it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "foreign/file_names.h"
#include "foreign/format_rows.h"
#include "foreign/header_fields.h"
#include "foreign/little_endian.h"
#include "foreign/mlxpc_store.h"
#include "foreign/row_tools.h"
#include "foreign/small_file.h"
#include "kvcache/caches.h"
#include "kvcache/printable.h"
#include "kvcache/verify.h"

namespace kvcache::foreign {
namespace mlx_prompt_cache {
namespace {

namespace fs = std::filesystem;

bool is_snapshot_name(std::string_view name) {
  return name.starts_with("snap-") && name.ends_with(safetensors_ending) &&
         is_hex(name.substr(5, name.size() - 5 - safetensors_ending.size()), 32);
}

bool owns_folder(const FolderLook& folder) {
  if (!folder.has_file("index.json")) return false;
  try {
    return is_mlxpc_index(read_small_file(folder.at("index.json")));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return false;
  }
}

bool owns_file(const FileLook& file) {
  return file.header != nullptr && file.header->metadata.contains("1.mlxpc.signature");
}

std::vector<Item> items(const Place& place) {
  if (place.is_file) return {{place.path, Item::Kind::entry}};
  std::vector<Item> out;
  for (const std::string& name : files_in(place.path))
    out.push_back({place.path + "/" + name, name == "index.json"     ? Item::Kind::index
                                            : is_snapshot_name(name) ? Item::Kind::entry
                                                                     : Item::Kind::other});
  return out;
}

Entry look(const Place&, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    const Document document = read_document(item.path);
    const std::string* signature = find_metadata(document.cache.metadata, "mlxpc.signature");
    if (signature != nullptr) {
      entry.model = signature->substr(0, signature->find('|'));
      entry.settings = {{"signature", *signature}};
    }
    entry.tokens = token_count(document.cache);
    if (const std::optional<MlxpcDelta> delta = mlxpc_delta(document.cache.metadata)) {
      entry.whole_cache = delta->from == 0;
      if (delta->from > 0)
        entry.verdict = fmt::format("tokens {} to {}, of no use without those before", delta->from, delta->to);
    }
  });
}

Report check(const Place& place, const Item& item) {
  if (item.kind == Item::Kind::index)
    return checked(
        item.path,
        [&](Report& report) {
          if (!read_mlxpc_index(read_small_file(item.path)).has_layout)
            add_finding(report, "KV940", "it says no indexLayout: the library deletes the whole folder when it opens it");
        },
        "KV906");
  if (item.kind == Item::Kind::other) {
    Report report;
    report.path = item.path;
    return report;
  }
  return checked(item.path, [&](Report& report) {
    const Document document = read_document(item.path);
    const std::optional<MlxpcDelta> delta = mlxpc_delta(document.cache.metadata);
    for (const Finding& finding : kvcache::check(document))
      if (!delta || finding.severity == Severity::error) report.findings.push_back(finding);
    const std::int64_t held = token_count(document.cache);
    if (delta && held != delta->to - delta->from && held != delta->to)
      add_finding(report, "KV908",
                  fmt::format("it is to hold tokens {} to {}, and holds {} rows", delta->from, delta->to, held));
    if (place.is_file) return;
    const std::string* signature = find_metadata(document.cache.metadata, "mlxpc.signature");
    if (signature == nullptr) add_finding(report, "KV908", "it does not say of which model and settings it is");
  });
}

std::vector<Report> check_place(const Place& place, std::span<const Item> items) {
  if (place.is_file) return {};
  std::vector<Report> out;
  MlxpcIndex index;
  try {
    index = read_mlxpc_index(read_small_file(place.path + "/index.json"));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable && error.kind() != ErrorKind::io) throw;
    return out;
  }
  Report of_index;
  of_index.path = place.path + "/index.json";
  for (const auto& [name, file] : index.files) {
    const std::string path = place.path + "/" + name;
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(path, error);
    if (error)
      add_finding(of_index, "KV905", fmt::format("it lists {}, which is not here", printable(name)));
    else if (bytes != file.bytes)
      add_finding(of_index, "KV907",
                  fmt::format("it says that {} has {} bytes, and it has {}", printable(name), file.bytes, bytes));
  }
  out.push_back(std::move(of_index));
  for (const Item& item : items) {
    if (item.kind != Item::Kind::entry || index.files.contains(fs::path(item.path).filename().string())) continue;
    Report report;
    report.path = item.path;
    add_finding(report, "KV905", "index.json does not list it");
    out.push_back(std::move(report));
  }
  return out;
}

Restored restore_from(const Place& place, const Query& query) {
  Restored out;
  if (place.is_file) {
    out.outcome = Restored::Outcome::refused;
    out.why = "a snapshot by itself has no token ids, and may be only what came since another one";
    out.remedy =
        Remedy(Remedy::Action::convert, {{"file", fs::path(place.path).parent_path().string()}, {"tokens", "ids.json"}});
    return out;
  }
  const MlxpcStore store(place.path);
  if (!query.model_name.empty() && query.model_name != store.index.model) {
    out.why = fmt::format("the folder is of {}, not of {}", printable(store.index.model), printable(query.model_name));
    return out;
  }
  const MlxpcStore::Match match = store.match(query.tokens);
  out.block_size = store.index.block_size;
  out.blocks_wanted = static_cast<std::int64_t>(query.tokens.size()) / out.block_size;
  out.blocks_present = match.known / out.block_size;
  out.walked_back = (match.known - match.tokens) / out.block_size;
  out.stopped_by = match.stopped;
  if (match.tokens == 0) {
    out.why = match.stopped.empty() ? fmt::format("no snapshot here is of the first {} of these tokens", out.block_size)
                                    : match.stopped;
    return out;
  }
  try {
    out.cache = store.restore(match);
  } catch (const Error& error) {
    refuse(out, error);
    return out;
  }
  out.entry = place.path + "/" + match.files.back();
  out.cache.metadata.erase("mlxpc.signature");
  out.cache.metadata.erase("mlxpc.delta");
  out.cache.metadata["model"] = store.index.model;
  out.ids.assign(query.tokens.begin(), query.tokens.begin() + match.tokens);
  out.outcome = Restored::Outcome::restored;
  return out;
}

std::vector<Prompt> prompts(const Place& place) {
  // Ids are in none of them; a file says where to look.
  if (place.is_file) return {{fs::path(place.path).stem().string(), place.path, 0}};
  return {};
}

Restored restore_prompt(const Place& place, const Prompt&, const Query& query) {
  return restore_from(place, query);
}

}  // namespace
}  // namespace mlx_prompt_cache

const Format mlx_prompt_cache_format = {"mlx-prompt-cache",
                                        "mlx-prompt-cache (Swift)",
                                        "1",
                                        mlx_prompt_cache::owns_folder,
                                        mlx_prompt_cache::owns_file,
                                        mlx_prompt_cache::items,
                                        mlx_prompt_cache::look,
                                        mlx_prompt_cache::check,
                                        mlx_prompt_cache::check_place,
                                        mlx_prompt_cache::restore_from,
                                        mlx_prompt_cache::prompts,
                                        mlx_prompt_cache::restore_prompt};

}  // namespace kvcache::foreign

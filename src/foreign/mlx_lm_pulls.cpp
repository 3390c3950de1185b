// Folders of two changes to mlx-lm's server that were never merged (pull requests 1218 and 1405): the rows of them. Their files
// are ordinary prompt caches; what is added is the list of their tokens.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "foreign/entry_store.h"
#include "foreign/format_rows.h"
#include "foreign/header_fields.h"
#include "foreign/little_endian.h"
#include "foreign/manifest.h"
#include "foreign/names.h"
#include "foreign/row_tools.h"
#include "foreign/small_file.h"
#include "kvcache/document.h"
#include "kvcache/printable.h"
#include "kvcache/verify.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view manifest_name = "manifest.json";

bool owns_1218(const FolderLook& folder) {
  return folder.has_file("format-version") && folder.has_folder("models");
}

bool owns_1405(const FolderLook& folder) {
  if (!folder.has_file(manifest_name) || folder.has_file("index.json")) return false;
  if (std::ranges::none_of(folder.files, [](const std::string& name) { return name.ends_with(".safetensors"); })) return false;
  try {
    return !manifest_entries(read_small_file(folder.at(manifest_name))).empty();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return false;
  }
}

/// The folder's own word on its form, or nothing where that is the one that is known.
std::string unknown_version(const Place& place) {
  std::string version;
  try {
    version = read_small_file(place.path + "/format-version");
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return {};  // gone meanwhile
  }
  while (!version.empty() && (version.back() == '\n' || version.back() == '\r' || version.back() == ' ')) version.pop_back();
  return version == "1" ? std::string() : fmt::format("format '{}', and 1 is known here", printable(version, 32));
}

bool owns_no_file(const FileLook&) {
  return false;  // a prompt cache like any other
}

std::vector<Item> items_1218(const Place& place) {
  std::vector<Item> out;
  const std::string models = place.path + "/models";
  for (const std::string& model : folders_in(models)) {
    if (!is_hex(model, 16)) continue;
    const std::string entries = fmt::format("{}/{}/entries", models, model);
    for (const std::string& name : files_in(entries)) {
      const fs::path file(name);
      const bool ours = file.extension() == ".safetensors" && is_hex(file.stem().string(), 16);
      out.push_back({fmt::format("{}/{}", entries, name), ours ? Item::Kind::entry : Item::Kind::temporary});
    }
  }
  return out;
}

std::vector<Item> items_1405(const Place& place) {
  std::vector<Item> out;
  for (const std::string& name : files_in(place.path))
    out.push_back({place.path + "/" + name, name == manifest_name            ? Item::Kind::index
                                            : name.ends_with(".safetensors") ? Item::Kind::entry
                                                                             : Item::Kind::other});
  return out;
}

void describe(Entry& entry) {
  const Document document = read_document(entry.item.path);
  entry.tokens = token_count(document.cache);
  if (const std::string* model = find_metadata(document.cache.metadata, "model_id")) entry.model = *model;
  entry.settings = {{"model", entry.model},
                    {"format", document.format == nullptr ? "mixed" : std::string(document.format->id)}};
  for (const Finding& finding : document.findings)
    if (finding.severity == Severity::error && entry.verdict == "ok") entry.verdict = fmt::format("errors ({})", finding.code);
}

Entry look_1218(const Place& place, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  Entry entry = described(item, describe);
  const std::string unknown = unknown_version(place);
  if (unknown.empty()) entry.version = "1";
  if (!unknown.empty() && entry.verdict == "ok") entry.verdict = unknown;
  return entry;
}

Entry look_1405(const Place&, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, describe);
}

void compare_counts(const Document& document, std::size_t ids, Report& report) {
  const auto held = static_cast<std::size_t>(token_count(document.cache));
  // Saved after an answer, it lacks the last token of its list.
  if (held != ids && held + 1 != ids)
    add_finding(report, "KV908", fmt::format("it holds {} tokens, and its list of ids {}", held, ids));
}

Report check_1218(const Place&, const Item& item) {
  if (item.kind == Item::Kind::temporary) return checked(item.path, add_temporary);
  return checked(item.path, [&](Report& report) {
    const Document document = read_document(item.path);
    const std::optional<std::vector<std::int32_t>> ids = ids_in_metadata(document.cache.metadata);
    if (!ids) {
      add_finding(report, "KV907", "it has no token ids in its metadata: the server cannot find it");
      return;
    }
    if (mlx_lm_1218_stem(*ids) != fs::path(item.path).stem())
      add_finding(report, "KV904", "its tokens are not those that its name is made of");
    compare_counts(document, ids->size(), report);
  });
}

Report check_1405(const Place&, const Item& item) {
  return {item.path, {}, true, false, {}};  // an entry is a prompt cache, and nothing more is known of it
}

bool is_entry(const Item& item) {
  return item.kind == Item::Kind::entry;
}

std::vector<Report> check_1218_place(const Place& place, std::span<const Item>) {
  Report report;
  report.path = place.path + "/format-version";
  if (const std::string unknown = unknown_version(place); !unknown.empty()) add_finding(report, "KV902", unknown);
  return {std::move(report)};
}

std::vector<Report> check_manifest(const Place& place, std::span<const Item> items) {
  std::vector<Report> out;
  const std::string path = place.path + "/" + std::string(manifest_name);
  out.push_back(checked(
      path,
      [&](Report& report) {
        std::vector<std::string> listed;
        for (const ManifestEntry& entry : manifest_entries(read_small_file(path))) {
          listed.push_back(place.path + "/" + entry.file);
          if (std::error_code error; !fs::exists(listed.back(), error))
            add_finding(report, "KV905", fmt::format("it lists {}, which is not here", printable(entry.file)));
        }
        for (const Item& item : items)
          if (item.kind == Item::Kind::entry && std::ranges::find(listed, item.path) == listed.end())
            add_finding(report, "KV905",
                        fmt::format("{} is not in its list", printable(fs::path(item.path).filename().string())));
      },
      "KV906"));
  return out;
}

Restored from_store(const EntryStore& store, const Query& query, bool provisional) {
  Restored out;
  std::string passed_over;
  const std::optional<EntryStore::Match> match = store.match(passed_over);
  if (!match && !passed_over.empty()) {
    out.outcome = Restored::Outcome::refused;
    out.why = std::move(passed_over);
    return out;
  }
  if (!match) {
    std::int64_t nearest = 0;
    for (const EntryStore::Entry& entry : store.entries) nearest = std::max(nearest, entry.common);
    out.why = nearest == 0 ? "no entry here begins as these tokens do"
                           : fmt::format("an entry has the first {} of these tokens, but cannot go back to them", nearest);
    return out;
  }
  const EntryStore::Entry& entry = store.entries[match->entry];
  try {
    out.cache = store.restore(*match);
  } catch (const Error& error) {
    refuse(out, error);
    return out;
  }
  out.entry = entry.path;
  if (!entry.model.empty()) out.cache.metadata.try_emplace("model", entry.model);
  // What the ids were stored as is no longer true, and the result is stamped with them.
  for (const char* key : {"tokens_b64", "length", "parent_token_hash", "trimmable", "cache_type_classes", "format_version"})
    out.cache.metadata.erase(key);
  out.ids.assign(query.tokens.begin(), query.tokens.begin() + match->tokens);
  if (match->trimmed)
    out.notes.push_back(fmt::format("of {} tokens; those behind the prompt's own are taken off", entry.tokens));
  if (provisional) out.notes.emplace_back("its list was read by its looks: the schema of that change was never published");
  out.outcome = Restored::Outcome::restored;
  return out;
}

Restored restore_1218(const Place& place, const Query& query) {
  if (const std::string unknown = unknown_version(place); !unknown.empty()) {
    Restored out;
    out.outcome = Restored::Outcome::refused;
    out.why = unknown;
    return out;
  }
  return from_store(EntryStore::of_1218(place.path, query.tokens), query, false);
}

Restored restore_1405(const Place& place, const Query& query) {
  return from_store(EntryStore::of_manifest(place.path, query.tokens), query, true);
}

std::vector<Prompt> prompts_of(const EntryStore& store) {
  std::vector<Prompt> out;
  for (const EntryStore::Entry& entry : store.entries)
    if (entry.problem.empty()) out.push_back({fs::path(entry.path).stem().string(), entry.path, entry.tokens});
  return out;
}

std::vector<Prompt> prompts_1218(const Place& place) {
  return prompts_of(EntryStore::of_1218(place.path, {}));
}

std::vector<Prompt> prompts_1405(const Place& place) {
  return prompts_of(EntryStore::of_manifest(place.path, {}));
}

Restored prompt_1218(const Place& place, const Prompt& prompt, const Query& query) {
  Query own = query;
  own.tokens = ids_in_metadata(read_document(prompt.path).cache.metadata).value_or(std::vector<std::int32_t>{});
  return restore_1218(place, own);
}

Restored prompt_1405(const Place& place, const Prompt& prompt, const Query& query) {
  Query own = query;
  for (ManifestEntry& entry : manifest_entries(read_small_file(place.path + "/" + std::string(manifest_name))))
    if (place.path + "/" + entry.file == prompt.path) own.tokens = std::move(entry.ids);
  return restore_1405(place, own);
}

}  // namespace

const Format mlx_lm_1218_format = {"mlx-lm-1218",
                                   "disk cache of mlx-lm's pull request 1218",
                                   "1",
                                   owns_1218,
                                   owns_no_file,
                                   items_1218,
                                   look_1218,
                                   check_1218,
                                   check_1218_place,
                                   restore_1218,
                                   prompts_1218,
                                   prompt_1218,
                                   {},
                                   is_entry};

const Format mlx_lm_1405_format = {"mlx-lm-1405",
                                   "prompt-cache folder of mlx-lm's pull request 1405, or one like it",
                                   "any",
                                   owns_1405,
                                   owns_no_file,
                                   items_1405,
                                   look_1405,
                                   check_1405,
                                   check_manifest,
                                   restore_1405,
                                   prompts_1405,
                                   prompt_1405,
                                   {},
                                   is_entry};

}  // namespace kvcache::foreign

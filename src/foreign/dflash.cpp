// dflash-mlx' second cache level: the row of it.
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "foreign/dflash_store.h"
#include "foreign/format_rows.h"
#include "foreign/little_endian.h"
#include "foreign/names.h"
#include "foreign/row_tools.h"
#include "kvcache/caches.h"
#include "kvcache/model_config.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace dflash {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view lock_name = ".dflash_l2.lock";

bool owns_folder(const FolderLook& folder) {
  if (folder.has_file(lock_name)) return true;
  // Its folders are 16, 2 and 32 hex digits below one another.
  for (const std::string version : {"v2", "v1"}) {
    if (!folder.has_folder(version)) continue;
    const std::string at = folder.at(version);
    for (const std::string& runtime : folders_in(at)) {
      if (!is_hex(runtime, 16)) continue;
      for (const std::string& first : folders_in(fmt::format("{}/{}", at, runtime)))
        if (is_hex(first, 2)) return true;
    }
  }
  return false;
}

bool owns_file(const FileLook& file) {
  return file.header != nullptr && is_dflash_snapshot(*file.header);
}

std::vector<Item> items(const Place& place) {
  if (place.is_file) return {{place.path, Item::Kind::entry}};
  const DflashStore store(place.path);
  std::vector<Item> out;
  for (const DflashStore::Entry& entry : store.entries) out.push_back({entry.path, Item::Kind::entry});
  for (const std::string& path : store.temporaries) out.push_back({path, Item::Kind::temporary});
  std::ranges::sort(out, {}, &Item::path);
  return out;
}

/// The path below the folder of a store: of a file by itself, its last five parts.
std::optional<DflashPath> path_of(const Place& place, const std::string& path) {
  if (!place.is_file && path.starts_with(place.path + "/"))
    return dflash_path(std::string_view(path).substr(place.path.size() + 1));
  std::vector<std::string> parts;
  for (const fs::path& part : fs::path(path)) parts.push_back(part.string());
  if (parts.size() < 5) return std::nullopt;
  return dflash_path(fmt::format("{}", fmt::join(parts.end() - 5, parts.end(), "/")));
}

/// What the server holds against a snapshot, which it then deletes, or passes over.
void compare_with_path(const DflashSnapshot& snapshot, const DflashPath& name, Report& report) {
  if (dflash_runtime_folder(snapshot.schema, snapshot.runtime) != name.runtime)
    add_finding(
        report, "KV901",
        fmt::format("dflash-mlx {} with schema {} wrote it, and its folder is that of another version: the server deletes it",
                    printable(snapshot.runtime), snapshot.schema));
  if (dflash_key_folder(snapshot) != name.key)
    add_finding(report, "KV901", "it is of another model or of other settings than its folder: the server deletes it");
  if (static_cast<std::int64_t>(snapshot.ids.size()) != name.tokens)
    add_finding(report, "KV901",
                fmt::format("it has {} tokens, and its name says {}: the server deletes it", snapshot.ids.size(), name.tokens));
  else if (dflash_token_hash(snapshot.ids) != name.token_hash)
    add_finding(report, "KV904", "its tokens are not those that its name is made of: the server passes it over");
  if (snapshot.kind != name.kind)
    add_finding(report, "KV901", fmt::format("it says {}, and its name {}: the server deletes it", snapshot.kind, name.kind));
}

Entry look(const Place& place, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    const DflashSnapshot snapshot = read_dflash_snapshot(SafetensorsFile::open(item.path));
    entry.model = snapshot.target;
    entry.version = fmt::format("schema {}, dflash-mlx {}", snapshot.schema, printable(snapshot.runtime));
    entry.tokens = static_cast<std::int64_t>(snapshot.ids.size());
    entry.settings = {{"model", snapshot.target},
                      {"draft model", snapshot.draft},
                      {"dflash-mlx", snapshot.runtime},
                      {"schema", std::to_string(snapshot.schema)},
                      {"key", dflash_key_folder(snapshot).substr(0, 8)}};
    Report report;
    if (const std::optional<DflashPath> path = path_of(place, item.path)) compare_with_path(snapshot, *path, report);
    if (report.findings.empty()) return;
    entry.verdict = fmt::format("errors ({})", report.findings.front().code);
    entry.never_again = report.findings.front().message;
  });
}

void check_layers(const DflashSnapshot& snapshot, Report& report) {
  const auto tokens = static_cast<std::int64_t>(snapshot.ids.size());
  std::vector<std::optional<WindowSize>> windows(snapshot.layers.size());
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < snapshot.layers.size(); ++i) {
    const DflashSnapshot::Layer& layer = snapshot.layers[i];
    if (layer.attention && layer.offset != tokens)
      add_finding(
          report, "KV908",
          fmt::format("its offset is {}, and the snapshot has {} tokens: it loads, and is then refused", layer.offset, tokens),
          fmt::format("layer {}", i));
    if (layer.idx) unknown.push_back(i);
  }
  if (!report.findings.empty()) return;
  if (unknown.empty()) {
    static_cast<void>(snapshot.restore(tokens, windows));
    if (snapshot.sidecar_boundary > 0 && snapshot.sidecar_boundary < tokens)
      static_cast<void>(snapshot.restore(snapshot.sidecar_boundary, windows));
    return;
  }
  add_finding(
      report, "KV941",
      fmt::format("layer{} {} {} a window whose size and pinned tokens are not stored: only its model, or another snapshot of "
                  "the same prompt, tells them",
                  unknown.size() == 1 ? "" : "s", fmt::join(unknown, ", "), unknown.size() == 1 ? "is" : "are"),
      {}, Remedy(Remedy::Action::convert, {{"tokens", "ids.json"}, {"model", "DIR"}}) + " takes them from DIR/config.json");
}

Report check(const Place& place, const Item& item) {
  if (item.kind == Item::Kind::temporary) return checked(item.path, add_temporary);
  return checked(item.path, [&](Report& report) {
    const DflashSnapshot snapshot = read_dflash_snapshot(SafetensorsFile::open(item.path));
    if (const std::optional<DflashPath> path = path_of(place, item.path)) compare_with_path(snapshot, *path, report);
    check_layers(snapshot, report);
  });
}

/// Every version of dflash-mlx has a folder of its own: after an update, nothing of the ones before is looked at again.
std::vector<Report> check_place(const Place& place, std::span<const Item> items) {
  if (place.is_file) return {};
  std::map<std::string, std::size_t> runtimes;
  for (const Item& item : items)
    if (const std::optional<DflashPath> path = path_of(place, item.path))
      ++runtimes[path->version_folder + "/" + path->runtime];
  if (runtimes.size() < 2) return {};
  Report report;
  report.path = place.path;
  std::vector<std::string> words;
  words.reserve(runtimes.size());
  for (const auto& [folder, files] : runtimes) words.push_back(fmt::format("{} ({} files)", folder, files));
  add_finding(report, "KV910",
              fmt::format("it holds snapshots of {} versions of dflash-mlx: {}. A server uses those of its own version alone",
                          runtimes.size(), fmt::join(words, ", ")));
  return {report};
}

/// Windows of the model's config.json, by layer.
std::vector<std::optional<WindowSize>> windows_of_model(const std::string& folder, std::size_t layers) {
  std::vector<std::optional<WindowSize>> out(layers);
  if (folder.empty()) return out;
  const ModelConfig config = read_model_config(folder);
  for (std::size_t i = 0; i < std::min(layers, config.layers.size()); ++i)
    if (config.layers[i].kind == LayerSpec::Kind::rotating)
      out[i] = WindowSize{config.layers[i].max_size, config.layers[i].keep};
  return out;
}

void fill(Restored& out, const DflashSnapshot& snapshot, std::int64_t tokens, std::vector<std::optional<WindowSize>> windows,
          const Query& query) {
  const std::vector<std::optional<WindowSize>> model = windows_of_model(query.model_folder, snapshot.layers.size());
  windows.resize(std::max(windows.size(), model.size()));
  std::vector<std::string> proven;
  for (std::size_t i = 0; i < model.size(); ++i) {
    if (model[i])
      windows[i] = model[i];
    else if (windows[i] && i < snapshot.layers.size() && snapshot.layers[i].idx)
      proven.push_back(fmt::format("{} of layer {} (keep {})", windows[i]->max_size, i, windows[i]->keep));
  }
  out.cache.layers = snapshot.restore(tokens, windows);
  out.cache.metadata["model"] = snapshot.target;
  out.ids.assign(snapshot.ids.begin(), snapshot.ids.begin() + tokens);
  if (!proven.empty())
    out.notes.push_back(fmt::format("windows are not stored; as its snapshots show them: {}", fmt::join(proven, ", ")));
  if (!snapshot.draft_arrays().empty())
    out.notes.push_back(
        fmt::format("{} arrays of its draft model {} are left out", snapshot.draft_arrays().size(), printable(snapshot.draft)));
  out.outcome = Restored::Outcome::restored;
}

/// Whether it could be restored but for the sizes of its windows, which the model knows.
void hint_at_model(Restored& out, const DflashSnapshot& snapshot, const Query& query) {
  if (snapshot.has_windows() && query.model_folder.empty())
    out.remedy = Remedy(Remedy::Action::repeat, {{"model", "DIR"}}) + " takes the windows from the config.json of " +
                 printable(snapshot.target);
}

Restored restore_file(const Place& place, const Query& query) {
  Restored out;
  out.entry = place.path;
  const DflashSnapshot snapshot = read_dflash_snapshot(SafetensorsFile::open(place.path));
  auto tokens = static_cast<std::int64_t>(snapshot.ids.size());
  if (!query.tokens.empty()) {
    const auto differs = std::ranges::mismatch(query.tokens, snapshot.ids).in2 - snapshot.ids.begin();
    if (differs < tokens) {
      if (snapshot.sidecar_boundary == 0 || differs < snapshot.sidecar_boundary) {
        out.why = fmt::format("these are not the tokens of this snapshot: number {} is another one", differs + 1);
        return out;
      }
      tokens = snapshot.sidecar_boundary;
    }
  }
  try {
    const DflashSnapshot* one[] = {&snapshot};
    fill(out, snapshot, tokens, proven_windows(one), query);
  } catch (const Error& error) {
    refuse(out, error);
    hint_at_model(out, snapshot, query);
  }
  return out;
}

std::string nearest_miss(const DflashStore& store) {
  if (store.entries.empty()) return "no snapshot is here";
  return fmt::format("none of its {} snapshots is of tokens that this prompt begins with", store.entries.size());
}

Restored restore_from(const Place& place, const Query& query) {
  if (place.is_file) return restore_file(place, query);
  Restored out;
  const DflashStore store(place.path);
  std::vector<std::string> rejected;
  const std::vector<DflashStore::Candidate> candidates = store.candidates(query.tokens, rejected);
  for (const DflashStore::Candidate& candidate : candidates) {
    const std::string& path = store.entries[candidate.entry].path;
    try {
      const DflashSnapshot snapshot = store.read(candidate.entry);
      if (!query.model_name.empty() && snapshot.target != query.model_name) {
        rejected.push_back(
            fmt::format("{}: it is of {}, not of {}", path, printable(snapshot.target), printable(query.model_name)));
        continue;
      }
      Restored found;
      found.entry = path;
      try {
        fill(found, snapshot, candidate.tokens, store.windows(snapshot), query);
      } catch (const Error& error) {
        refuse(found, error);
        hint_at_model(found, snapshot, query);
        rejected.push_back(fmt::format("{}: {}", path, error.what()));
        if (out.why.empty()) out = std::move(found);
        continue;
      }
      if (candidate.sidecar)
        found.notes.push_back(fmt::format("restored at the boundary of its sidecar, before token {}", candidate.tokens + 1));
      if (!candidate.server_too)
        found.notes.emplace_back(
            "dflash-mlx itself uses it only for a prompt that goes on: a generation has nothing to answer with");
      const std::string& key = store.entries[candidate.entry].name.key;
      const auto is_as_good = [&](const DflashStore::Candidate& other) {
        return other.tokens == candidate.tokens && store.entries[other.entry].name.key != key;
      };
      if (query.model_name.empty() && std::ranges::any_of(candidates, is_as_good))
        found.notes.push_back(
            fmt::format("doubt: of {}, and snapshots of as many tokens are here of other models or settings: the model's name "
                        "tells them apart",
                        printable(snapshot.target)));
      for (std::string& text : rejected) found.notes.push_back("passed over: " + std::move(text));
      return found;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unreadable && error.kind() != ErrorKind::io) throw;
      rejected.push_back(fmt::format("{}: {}", path, error.what()));
    }
  }
  if (!out.why.empty()) return out;
  out.why = nearest_miss(store);
  if (!rejected.empty()) {
    out.outcome = Restored::Outcome::refused;
    out.why = fmt::format("what this prompt begins with cannot be used: {}", rejected.front());
  }
  return out;
}

std::vector<Prompt> prompts(const Place& place) {
  if (place.is_file) return {{fs::path(place.path).stem().string(), place.path, 0}};
  const DflashStore store(place.path);
  std::vector<Prompt> out;
  for (const DflashStore::Entry& entry : store.entries)
    out.push_back({fmt::format("{}-{}", entry.name.key.substr(0, 8), fs::path(entry.path).stem().string()), entry.path,
                   entry.name.tokens});
  return out;
}

Restored restore_prompt(const Place& place, const Prompt& prompt, const Query& query) {
  Query whole = query;
  if (!place.is_file) whole.tokens = read_dflash_snapshot(SafetensorsFile::open(prompt.path)).ids;
  if (place.is_file) whole.tokens.clear();
  return restore_from(place, whole);
}

}  // namespace
}  // namespace dflash

const Format dflash_format = {"dflash-mlx",        "dflash-mlx second cache level",
                              "schema 1 to 4",     dflash::owns_folder,
                              dflash::owns_file,   dflash::items,
                              dflash::look,        dflash::check,
                              dflash::check_place, dflash::restore_from,
                              dflash::prompts,     dflash::restore_prompt};

}  // namespace kvcache::foreign

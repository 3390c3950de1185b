// Prefix folders of ekryski's mlx-swift-lm: the row of them. Each prompt is a folder of its own, with index.json and
// arrays.safetensors.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "foreign/format_rows.h"
#include "foreign/little_endian.h"
#include "foreign/prefix_snapshot.h"
#include "foreign/row_tools.h"
#include "foreign/small_file.h"
#include "kvcache/caches.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace prefix_folders {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view index_name = "/index.json";
constexpr std::string_view arrays_name = "/arrays.safetensors";

bool is_snapshot(const std::string& folder) {
  try {
    return is_prefix_snapshot(read_small_file(folder + std::string(index_name)));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return false;
  }
}

/// The folder of all prompts, or that of one.
bool owns_folder(const FolderLook& folder) {
  if (folder.has_file("index.json") && is_snapshot(folder.path)) return true;
  for (const std::string& name : folder.folders)
    if (is_hex(name, 16) && is_snapshot(folder.at(name))) return true;
  return false;
}

bool owns_file(const FileLook&) {
  return false;
}

std::vector<Item> items(const Place& place) {
  if (std::error_code error; fs::exists(place.path + std::string(index_name), error)) return {{place.path, Item::Kind::entry}};
  std::vector<Item> out;
  for (const std::string& name : folders_in(place.path))
    if (is_hex(name, 16)) out.push_back({place.path + "/" + name, Item::Kind::entry});
  return out;
}

PrefixSnapshot snapshot_of(const std::string& folder) {
  return read_prefix_snapshot(read_small_file(folder + std::string(index_name)));
}

std::string layers_in_words(const PrefixSnapshot& snapshot) {
  std::vector<std::pair<std::string, std::size_t>> counts;
  for (const PrefixSnapshot::Layer& layer : snapshot.layers) {
    const auto it = std::ranges::find(counts, layer.kind, &std::pair<std::string, std::size_t>::first);
    if (it == counts.end())
      counts.emplace_back(layer.kind, 1);
    else
      ++it->second;
  }
  std::string out;
  for (const auto& [kind, n] : counts) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", n, printable(kind));
  return out;
}

Entry look(const Place&, const Item& item) {
  Entry entry = described(item, [&](Entry& e) {
    const PrefixSnapshot snapshot = snapshot_of(item.path);
    e.model = snapshot.model;
    e.version = "2";
    e.tokens = static_cast<std::int64_t>(snapshot.ids.size());
    e.settings = {{"model", snapshot.model},
                  {"bits", snapshot.bits ? std::to_string(*snapshot.bits) : "none"},
                  {"layers", layers_in_words(snapshot)}};
    static_cast<void>(SafetensorsFile::open(item.path + std::string(arrays_name)));
  });
  entry.bytes = 0;
  for (const std::string_view name : {index_name, arrays_name}) {
    const Entry file = entry_of({item.path + std::string(name), Item::Kind::entry});
    entry.bytes += file.bytes;
    entry.modified = std::max(entry.modified, file.modified);
  }
  return entry;
}

Report check(const Place&, const Item& item) {
  return checked(item.path, [&](Report& report) {
    const PrefixSnapshot snapshot = snapshot_of(item.path);
    const std::string name = fs::path(item.path).lexically_normal().filename().string();
    if (is_hex(name, 16) && name != snapshot.folder_name())
      add_finding(report, "KV901", fmt::format("the folder is not that of its prompt, which is {}", snapshot.folder_name()));
    const std::string arrays = item.path + std::string(arrays_name);
    if (std::error_code error; !fs::exists(arrays, error)) {
      add_finding(report, "KV907", "index.json is there, arrays.safetensors is not: the server was stopped between the two");
      return;
    }
    for (const auto& layer : snapshot.layers)
      if (layer.kind != "ssm" && layer.tokens != static_cast<std::int64_t>(snapshot.ids.size()))
        add_finding(report, "KV908", fmt::format("it holds {} tokens, and the index {}", layer.tokens, snapshot.ids.size()),
                    fmt::format("layer {}", &layer - snapshot.layers.data()));
    static_cast<void>(snapshot.restore(SafetensorsFile::open(arrays)));
  });
}

std::vector<Report> check_place(const Place&, std::span<const Item>) {
  return {};
}

Restored restored(const std::string& folder, const PrefixSnapshot& snapshot) {
  Restored out;
  out.entry = folder;
  try {
    out.cache.layers = snapshot.restore(SafetensorsFile::open(folder + std::string(arrays_name)));
    out.cache.metadata["model"] = snapshot.model;
    out.ids = snapshot.ids;
    out.outcome = Restored::Outcome::restored;
    if (snapshot.last_hidden) out.notes.emplace_back("the hidden state of the last token is left out");
  } catch (const Error& error) {
    refuse(out, error);
  }
  return out;
}

Restored restore_from(const Place& place, const Query& query) {
  Restored best;
  std::int64_t nearest = 0;
  for (const Item& item : items(place)) {
    try {
      const PrefixSnapshot snapshot = snapshot_of(item.path);
      if (!query.model_name.empty() && query.model_name != snapshot.model) continue;
      const auto common = std::ranges::mismatch(query.tokens, snapshot.ids).in2 - snapshot.ids.begin();
      nearest = std::max<std::int64_t>(nearest, common);
      const bool whole = query.tokens.empty() || common == static_cast<std::ptrdiff_t>(snapshot.ids.size());
      if (!whole || snapshot.ids.size() <= best.ids.size()) continue;
      Restored found = restored(item.path, snapshot);
      if (found.outcome == Restored::Outcome::restored || best.outcome == Restored::Outcome::miss) best = std::move(found);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unreadable && error.kind() != ErrorKind::io) throw;
    }
  }
  if (best.outcome == Restored::Outcome::miss)
    best.why =
        nearest == 0
            ? "no prefix here begins as these tokens do"
            : fmt::format("no prefix here is the beginning of these tokens: the nearest differs from token {} on", nearest + 1);
  return best;
}

std::vector<Prompt> prompts(const Place& place) {
  std::vector<Prompt> out;
  for (const Item& item : items(place)) {
    const Entry entry = look(place, item);
    if (entry.readable && !entry.vanished)
      out.push_back({fs::path(item.path).lexically_normal().filename().string(), item.path, entry.tokens});
  }
  return out;
}

Restored restore_prompt(const Place&, const Prompt& prompt, const Query&) {
  return restored(prompt.path, snapshot_of(prompt.path));
}

}  // namespace
}  // namespace prefix_folders

const Format prefix_folders_format = {"mlx-swift-lm-prefix",
                                      "prefix folders of ekryski's mlx-swift-lm",
                                      "2",
                                      prefix_folders::owns_folder,
                                      prefix_folders::owns_file,
                                      prefix_folders::items,
                                      prefix_folders::look,
                                      prefix_folders::check,
                                      prefix_folders::check_place,
                                      prefix_folders::restore_from,
                                      prefix_folders::prompts,
                                      prefix_folders::restore_prompt};

}  // namespace kvcache::foreign

#include "cli/render/inspect_foreign.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <vector>

#include "cli/terminal/words.h"
#include "foreign/foreign_format.h"
#include "foreign/lazy_file.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::cli {
namespace {

Json settings_json(const foreign::Entry& entry) {
  Json settings = Json::object();
  for (const auto& [name, value] : entry.settings) settings[name] = value;
  return settings;
}

/// Keys of a file, whatever its version: an unknown one is shown and not guessed at.
void add_keys(const std::string& path, Json& document) {
  const std::optional<Header> header = foreign::header_of_damaged(path);
  if (!header) return;
  Json tensors = Json::array();
  for (const TensorEntry& tensor : header->tensors)
    tensors.push_back({{"key", printable(tensor.key)}, {"dtype", name(tensor.dtype)}, {"shape", tensor.shape}});
  document["tensors"] = std::move(tensors);
  Json metadata = Json::object();
  for (const auto& [key, value] : header->metadata) metadata[printable(key)] = printable(value, 4096);
  document["metadata"] = std::move(metadata);
}

Json one_file(const foreign::Place& place) {
  foreign::Entry entry;
  foreign::list_entries(place, [&](foreign::Entry found) { entry = std::move(found); });
  Json document = {{"schema", "kvcache.inspect/1"},
                   {"path", place.path},
                   {"format", place.format->id},
                   {"title", place.format->title},
                   {"model", entry.model},
                   {"tokens", entry.tokens},
                   {"file_bytes", entry.bytes},
                   {"verdict", printable(entry.verdict, 400)},
                   {"settings", settings_json(entry)},
                   {"layers_without_state", entry.layers_without_state}};
  if (!entry.never_again.empty()) document["never_again"] = entry.never_again;
  add_keys(place.path, document);
  return document;
}

Json one_folder(const foreign::Place& place) {
  struct Group {  // NOLINT(bugprone-exception-escape): moving JSON does not throw
    Json settings;
    std::uint64_t entries = 0, bytes = 0;
    std::int64_t tokens = 0;
  };
  std::map<std::string, Group> groups;
  std::map<std::string, std::uint64_t> others;
  std::uint64_t bytes = 0;
  foreign::list_entries(place, [&](const foreign::Entry& entry) {
    using Kind = foreign::Item::Kind;
    if (entry.vanished) return;
    bytes += entry.bytes;
    if (entry.item.kind != Kind::entry || !entry.readable) {
      ++others[entry.item.kind == Kind::entry       ? "unreadable entries"
               : entry.item.kind == Kind::sidecar   ? "sidecars"
               : entry.item.kind == Kind::temporary ? "temporary files"
               : entry.item.kind == Kind::index     ? "indexes"
                                                    : "other files"];
      return;
    }
    Json settings = settings_json(entry);
    Group& group = groups[settings.dump(-1, ' ', true, Json::error_handler_t::replace)];
    group.settings = std::move(settings);
    ++group.entries;
    group.bytes += entry.bytes;
    group.tokens += entry.tokens;
  });
  Json list = Json::array();
  for (auto& [key, group] : groups)
    list.push_back({{"settings", std::move(group.settings)},
                    {"entries", group.entries},
                    {"bytes", group.bytes},
                    {"tokens", group.tokens}});
  return {{"schema", "kvcache.inspect/1"},
          {"path", place.path},
          {"format", place.format->id},
          {"title", place.format->title},
          {"file_bytes", bytes},
          {"groups", std::move(list)},
          {"others", others}};
}

void add_settings(const Json& settings, std::string_view indent, std::string& out) {
  for (const auto& [key, value] : settings.items())
    out += fmt::format("{}{:<13} {}\n", indent, printable(key), printable(value.get<std::string>()));
}

}  // namespace

std::vector<Json> inspect_foreign(const std::string& path, const Header& header) {
  const std::optional<foreign::Place> place = path == "-" ? std::nullopt : foreign::place_of(path, header);
  return place ? std::vector<Json>{one_file(*place)} : std::vector<Json>{};
}

std::vector<Json> inspect_foreign(const std::string& path) {
  std::vector<Json> out;
  if (path == "-") return out;
  std::vector<foreign::Place> places;
  std::error_code unknown;
  if (const std::optional<foreign::Place> place = foreign::place_of(path))
    places.push_back(*place);
  else if (std::filesystem::is_directory(path, unknown))
    places = foreign::places_below(path);
  for (const foreign::Place& place : places) out.push_back(place.is_file ? one_file(place) : one_folder(place));
  return out;
}

std::string foreign_text(const Json& document) {
  std::string out = fmt::format("{}: {}, {}\n", shown_path(document["path"].get<std::string>()),
                                document["title"].get<std::string>(), human_bytes(document["file_bytes"].get<double>()));
  if (document.contains("groups")) {
    for (const Json& group : document["groups"]) {
      out += fmt::format("\nentries {}, tokens {}, {}\n", group["entries"].get<std::uint64_t>(),
                         group["tokens"].get<std::int64_t>(), human_bytes(group["bytes"].get<double>()));
      add_settings(group["settings"], "  ", out);
    }
    for (const auto& [what, count] : document["others"].items())
      out += fmt::format("{} {}\n", count.get<std::uint64_t>(), what);
    return out;
  }
  out += fmt::format("  {:<13} {}\n  {:<13} {}\n", "tokens", document["tokens"].get<std::int64_t>(), "verdict",
                     document["verdict"].get<std::string>());
  add_settings(document["settings"], "  ", out);
  if (document.contains("never_again"))
    out += fmt::format("  {:<13} {}\n", "never used", document["never_again"].get<std::string>());
  if (document.contains("tensors"))
    for (const Json& tensor : document["tensors"])
      out += fmt::format("  {:<40} {:<5} {}\n", tensor["key"].get<std::string>(), tensor["dtype"].get<std::string>(),
                         tensor["shape"].dump());
  return out;
}

}  // namespace kvcache::cli

// Finding places, and asking them.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "foreign/foreign_format.h"
#include "foreign/prompt_file.h"
#include "foreign/row_tools.h"
#include "kvcache/error.h"
#include "platform/in_order.h"
#include "platform/list_folder.h"
#include "safetensors/damaged_header.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using kvcache::detail::EntryType;
using kvcache::detail::list_folder;

constexpr std::size_t head_bytes = 4096;

std::size_t workers() noexcept {
  return 2 * std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

/// `folders`: where it is given, all of them by name, also those behind the names that are looked at.
FolderLook look_into(const std::string& path, std::vector<std::string>* folders = nullptr) {
  FolderLook out;
  out.path = path;
  std::size_t names = 0;
  (void)list_folder(path, [&](std::string_view name, EntryType type) {  // one that cannot be read has none
    const bool looked_at = names++ < FolderLook::most_names;
    if (type == EntryType::folder && folders != nullptr) {
      refuse_too_many(path, folders->size());
      folders->emplace_back(name);
    }
    if (looked_at && type == EntryType::folder) out.folders.emplace_back(name);
    if (looked_at && type == EntryType::file) out.files.emplace_back(name);
    return looked_at || folders != nullptr;
  });
  std::ranges::sort(out.files);
  std::ranges::sort(out.folders);
  if (folders != nullptr) std::ranges::sort(*folders);
  return out;
}

/// Files that may be a place of their own. Caches and weights are other parts' to look at, and there are thousands of them.
bool may_be_place(const std::string& name) {
  static constexpr std::array<std::string_view, 14> endings = {".omlxzip", ".slotprefix", ".slotseg", ".bin",  ".state",
                                                               ".session", ".cache",      ".slot",    ".pkl",  ".pickle",
                                                               ".dill",    ".pt",         ".pth",     ".kvseq"};
  return name.find('.') == std::string::npos ||
         std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

/// `known`: its header, where somebody has read it.
std::optional<Place> file_place(const std::string& path, const Header* known = nullptr) {
  FileLook look;
  look.path = path;
  std::optional<Header> header;
  try {
    const std::shared_ptr<const ByteSource> source = file_source(path);
    look.bytes = source->size();
    look.head.resize(static_cast<std::size_t>(std::min<std::uint64_t>(head_bytes, source->size())));
    source->read_at(0, std::as_writable_bytes(std::span(look.head.data(), look.head.size())));
    // The header's length, and a brace.
    if (look.head.size() > 8 && look.head[8] == '{') {
      if (known == nullptr) header = detail::read_damaged_header(*source);
      look.header = header ? &*header : known;
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return std::nullopt;
  }
  for (const Format* format : formats())
    if (format->owns_file(look)) return Place{format, path, true};
  return std::nullopt;
}

std::optional<Place> folder_place(const FolderLook& look) {
  for (const Format* format : formats())
    if (format->owns_folder(look)) return Place{format, look.path, false};
  return std::nullopt;
}

void search(const std::string& folder, int depth, std::vector<Place>& out) {
  std::vector<std::string> folders;
  const FolderLook look = look_into(folder, &folders);
  if (const auto place = folder_place(look)) {
    out.push_back(*place);
    // Another project's cache, which lies in the first one's.
    if (look.has_folder("dflash_l2")) search(look.at("dflash_l2"), depth, out);
    return;
  }
  for (const std::string& name : look.files)
    if (may_be_place(name))
      if (const auto place = file_place(look.at(name))) out.push_back(*place);
  if (depth == 0) return;
  for (const std::string& name : folders) search(fmt::format("{}/{}", folder, name), depth - 1, out);
}

/// What is more goes behind what there is; what a file shows by itself is not said again.
void join(Findings& findings, Findings&& more) {
  for (Finding& finding : more) {
    const bool said = std::ranges::any_of(findings, [&](const Finding& f) { return f.code == finding.code; });
    if (!said) findings.push_back(std::move(finding));
  }
}

Report check_item(const Place& place, const Item& item, const VerifyCache& verify_cache) {
  if (item.kind == Item::Kind::other) return {item.path, {}, true, true, {}};
  if (place.format->is_prompt_cache == nullptr || !place.format->is_prompt_cache(item)) return place.format->check(place, item);
  Report out = checked(
      item.path,
      [&](Report& report) {
        FileReport file = verify_cache ? verify_cache(item.path) : verify_file(item.path);
        if (file.failure == ErrorKind::io) throw Error(ErrorKind::io, file.findings.front().message, {}, "KV100");
        report.findings = std::exchange(file.findings, {});
        report.readable = !file.failure;
        report.file = std::move(file);
      },
      "KV100");
  if (out.vanished || !out.readable) return out;
  Report more = place.format->check(place, item);
  out.vanished = more.vanished;
  join(out.findings, std::move(more.findings));
  return out;
}

[[noreturn]] void refuse_to_restore(const Format& format) {
  throw Error(ErrorKind::impossible, fmt::format("a {} is inspected only: {}", format.title, format.inspect_only_because));
}

/// Runs what restores. What it throws refuses the query, but for what a server at work may have done.
Restored attempt(const std::function<Restored()>& restore) {
  Restored out;
  try {
    out = restore();
    if (out.outcome == Restored::Outcome::restored && !out.cache.layers.empty()) require_seen(out.cache, out.ids);
    return out;
  } catch (const Error& error) {
    out = Restored{};
    if (error.kind() == ErrorKind::io) {
      out.why = fmt::format("{} (a server at work may have evicted it meanwhile)", error.what());
      return out;
    }
    refuse(out, error);
    return out;
  }
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

bool FolderLook::has_file(std::string_view name) const {
  return std::ranges::binary_search(files, name);
}
bool FolderLook::has_folder(std::string_view name) const {
  return std::ranges::binary_search(folders, name);
}
std::string FolderLook::at(std::string_view name) const {
  return fmt::format("{}/{}", path, name);
}

std::optional<Place> place_of(const std::string& path) {
  std::error_code unknown;
  if (fs::is_directory(path, unknown)) return folder_place(look_into(without_slash(path)));
  if (!fs::is_regular_file(path, unknown)) return std::nullopt;
  return file_place(path);
}

std::optional<Place> place_of(const std::string& path, const Header& header) {
  std::error_code unknown;
  return fs::is_regular_file(path, unknown) ? file_place(path, &header) : std::nullopt;
}

std::vector<Place> places_below(const std::string& folder, int depth) {
  std::vector<Place> out;
  search(without_slash(folder), depth, out);
  return out;
}

void list_entries(const Place& place, const std::function<void(Entry)>& take) {
  const std::vector<Item> items = place.format->items(place);
  detail::in_order<Entry>(
      items.size(), workers(), [&](std::size_t i) { return place.format->look(place, items[i]); },
      [&](std::size_t, Entry entry) { take(std::move(entry)); });
}

void verify_place(const Place& place, const std::function<void(Report)>& take, const VerifyCache& verify_cache) {
  const std::vector<Item> items = place.format->items(place);
  std::map<std::string, Report> more;  // by path
  for (Report& report : place.format->check_place(place, items)) {
    const auto [found, added] = more.emplace(report.path, report);
    if (!added) std::ranges::move(report.findings, std::back_inserter(found->second.findings));
  }
  detail::in_order<Report>(
      items.size(), workers(), [&](std::size_t i) { return check_item(place, items[i], verify_cache); },
      [&](std::size_t, Report report) {
        if (const auto found = more.find(report.path); found != more.end()) {
          join(report.findings, std::move(found->second.findings));
          report.vanished = false;
          more.erase(found);
        }
        if (!report.vanished) take(std::move(report));
      });
  for (auto& [path, report] : more) take(std::move(report));
}

Restored restore(const Place& place, const Query& query) {
  return attempt([&] {
    if (place.format->restore == nullptr) refuse_to_restore(*place.format);
    return place.format->restore(place, query);
  });
}

Restored restore_known(const Place& place, const Prompt& prompt, const Query& query) {
  return attempt([&] { return place.format->restore_prompt(place, prompt, query); });
}

std::vector<Prompt> known_prompts(const Place& place) {
  if (place.format->restore == nullptr) refuse_to_restore(*place.format);
  if (place.format->prompts == nullptr || place.format->restore_prompt == nullptr) return {};
  return place.format->prompts(place);
}

}  // namespace kvcache::foreign

// slotstream's prefix cache: the row of it. It is looked at and checked alone.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "foreign/format_rows.h"
#include "foreign/little_endian.h"
#include "foreign/names.h"
#include "foreign/row_tools.h"
#include "foreign/slotstream_file.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace slotstream {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view head_ending = ".slotprefix";

bool is_head(std::string_view name) {
  return name.ends_with(head_ending) && is_hex(name.substr(0, name.size() - head_ending.size()), 40);
}

bool owns_folder(const FolderLook& folder) {
  return std::ranges::any_of(folder.files,
                             [](const std::string& name) { return is_head(name) || is_slotstream_segment(name); });
}

bool owns_file(const FileLook& file) {
  return file.header == nullptr && file.head.starts_with(slotstream_magic);
}

std::vector<Item> items(const Place& place) {
  if (place.is_file) return {{place.path, Item::Kind::entry}};
  std::vector<Item> out;
  for (const std::string& name : files_in(place.path))
    out.push_back({place.path + "/" + name, is_head(name)                 ? Item::Kind::entry
                                            : is_slotstream_segment(name) ? Item::Kind::sidecar
                                                                          : Item::Kind::other});
  return out;
}

Entry look(const Place&, const Item& item) {
  if (item.kind == Item::Kind::other) return entry_of(item);
  return described(item, [&](Entry& entry) {
    const SlotstreamFile file = read_slotstream_file(*file_source(item.path));
    entry.version = std::to_string(file.format);
    entry.tokens = file.tokens;
    entry.whole_cache = file.head;
    entry.settings = {{"identity", file.identity.substr(0, 8)},
                      {"layers", std::to_string(file.linear_layers + file.attention_layers)}};
    if (!file.head) {
      entry.settings.pop_back();
      entry.verdict = "rows of one or several heads";
    }
  });
}

Report check(const Place&, const Item& item) {
  if (item.kind == Item::Kind::other) {
    Report report;
    report.path = item.path;
    return report;
  }
  return checked(
      item.path,
      [&](Report& report) {
        const std::shared_ptr<const ByteSource> source = file_source(item.path);
        const SlotstreamFile file = read_slotstream_file(*source);
        const std::string stem = fs::path(item.path).stem().string();
        if (file.head && is_hex(stem, 40) && stem != slotstream_stem(file.identity, file.ids))
          add_finding(report, "KV904", "its tokens are not those that its name is made of");
        for (const std::string& name : damaged_payloads(*source, file))
          add_finding(report, "KV907", fmt::format("the bytes of '{}' are not those of its checksum", printable(name)));
      },
      "KV907");
}

/// Rows that heads need and segments have.
std::vector<Report> check_place(const Place& place, std::span<const Item> items) {
  if (place.is_file) return {};
  std::map<std::string, std::map<std::string, std::vector<std::pair<std::int64_t, std::int64_t>>>>
      rows;  // by segment and array
  std::set<std::string> used;
  std::vector<Report> out;
  for (const Item& item : items) {
    if (item.kind != Item::Kind::sidecar) continue;
    try {
      auto& arrays = rows[fs::path(item.path).filename().string()];
      for (const SlotstreamFile::Payload& p : read_slotstream_file(*file_source(item.path)).payloads)
        arrays[p.name].emplace_back(p.start, p.end);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
    }
  }
  for (const Item& item : items) {
    if (item.kind != Item::Kind::entry) continue;
    Report report;
    report.path = item.path;
    try {
      std::set<std::string> told;
      for (const SlotstreamFile::Extent& extent : read_slotstream_file(*file_source(item.path)).extents) {
        used.insert(extent.segment);
        const auto segment = rows.find(extent.segment);
        const auto covers = [&](const auto& range) { return range.first <= extent.start && extent.end <= range.second; };
        const bool there = segment != rows.end() && segment->second.contains(extent.array) &&
                           std::ranges::any_of(segment->second.at(extent.array), covers);
        if (there || !told.insert(extent.segment).second) continue;
        add_finding(report, "KV907",
                    segment == rows.end()
                        ? fmt::format("it needs rows of {}, which is not here", printable(extent.segment))
                        : fmt::format("it needs rows {} to {} of '{}' from {}, which has not got them", extent.start,
                                      extent.end, printable(extent.array), printable(extent.segment)));
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      continue;
    }
    out.push_back(std::move(report));
  }
  for (const Item& item : items) {
    if (item.kind != Item::Kind::sidecar || used.contains(fs::path(item.path).filename().string())) continue;
    Report report;
    report.path = item.path;
    add_finding(report, "KV905", "no head here needs its rows");
    out.push_back(std::move(report));
  }
  return out;
}

std::vector<Prompt> prompts(const Place&) {
  return {};
}

}  // namespace
}  // namespace slotstream

const Format slotstream_format = {"slotstream",
                                  "slotstream prefix cache",
                                  "3",
                                  slotstream::owns_folder,
                                  slotstream::owns_file,
                                  slotstream::items,
                                  slotstream::look,
                                  slotstream::check,
                                  slotstream::check_place,
                                  nullptr,
                                  slotstream::prompts,
                                  nullptr,
                                  "it holds the state of one family of models, which no other program has"};

}  // namespace kvcache::foreign

// vllm-mlx' SSD tier, as a row of the table of formats.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "foreign/file_names.h"
#include "foreign/format_rows.h"
#include "foreign/little_endian.h"
#include "foreign/prompt_file.h"
#include "foreign/row_tools.h"
#include "foreign/small_file.h"
#include "foreign/sqlite_rows.h"
#include "foreign/ssd_tier/ssd_entry.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace ssd_row {
namespace {

namespace fs = std::filesystem;
using namespace ssd;

bool owns_folder(const FolderLook& folder) {
  return folder.has_file("index.db") && folder.has_folder("data");
}

bool owns_file(const FileLook& /*file*/) {
  return false;
}

std::string data_folder(const Place& place, const std::string& name) {
  return fmt::format("{}/data/{}", place.path, name);
}

std::vector<Item> items(const Place& place) {
  std::vector<Item> out;
  for (const std::string& name : folders_in(place.path + "/data"))
    if (is_hex(name, hash_digits)) out.push_back({data_folder(place, name), Item::Kind::entry});
  for (const std::string& name : folders_in(place.path + "/quarantine"))
    out.push_back({place.path + "/quarantine/" + name, Item::Kind::other});
  for (const std::string& name : files_in(place.path))
    out.push_back({place.path + '/' + name, name.starts_with("index.db") ? Item::Kind::index : Item::Kind::other});
  return out;
}

SsdEntry read(const std::string& folder) {
  return read_entry(folder, read_small_file(folder + "/manifest.json"));
}

Entry look(const Place& /*place*/, const Item& item) {
  if (item.kind != Item::Kind::entry) return entry_of(item);
  return described(item, [&](Entry& entry) {
    entry.bytes = 0;
    for (const std::string& name : files_in(item.path)) {
      std::error_code error;
      const std::uintmax_t bytes = fs::file_size(item.path + '/' + name, error);
      if (!error) entry.bytes += bytes;
    }
    const SsdEntry read_one = read(item.path);
    entry.tokens = read_one.num_tokens;
    entry.settings = {{"layers", std::to_string(read_one.cache.layers.size())}};
  });
}

Report check(const Place& /*place*/, const Item& item) {
  if (item.kind == Item::Kind::other && fs::path(item.path).parent_path().filename() == "quarantine")
    return checked(item.path, [](Report& report) {
      add_finding(report, "KV907", "the server could not read it and has put it aside", {}, "it can go");
    });
  if (item.kind != Item::Kind::entry) return {item.path, {}, true, false};
  return checked(
      item.path,
      [&](Report&) {
        const SsdEntry entry = read(item.path);
        const auto tokens = agreed_tokens(entry.cache);
        if (tokens && *tokens != entry.num_tokens && *tokens != entry.num_tokens - 1)
          throw Error(ErrorKind::impossible, fmt::format("{} tokens, but its layers have seen {}", entry.num_tokens, *tokens),
                      {}, "KV908");
      },
      "KV907");
}

std::vector<Report> check_place(const Place& place, std::span<const Item> items) {
  std::vector<Report> out;
  const auto report = [&](const std::string& path, std::string_view code, const std::string& message,
                          const Remedy& remedy = {}) {
    Report one{path, {}, true, false};
    add_finding(one, code, message, {}, remedy);
    out.push_back(std::move(one));
  };
  const std::string index = place.path + "/index.db";
  std::map<std::string, const Row*> by_folder;
  std::vector<Row> rows;
  try {
    rows = read_rows(place.path);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    const std::string_view code = error.kind() == ErrorKind::impossible ? "KV914" : error.code() == "KV902" ? "KV902" : "KV906";
    report(index, code, error.what(), error.remedy());
    return out;
  }
  for (const Row& row : rows) {
    by_folder.emplace(row.folder, &row);
    if (!row.problem.empty()) report(index, "KV906", fmt::format("row {}: {}", printable(row.hash, 16), row.problem));
    std::error_code missing;
    if (row.problem.empty() && !fs::exists(data_folder(place, row.folder), missing))
      report(index, "KV905", fmt::format("row {} has no data", printable(row.hash, 16)));
  }
  for (const Item& item : items) {
    if (item.kind != Item::Kind::entry) continue;
    const std::string name = fs::path(item.path).filename().string();
    const auto row = by_folder.find(name);
    if (row == by_folder.end()) {
      report(item.path, "KV905", "the index has no row of it: the server deletes it when it starts");
      continue;
    }
    try {
      // The server never reads this file, but whoever rebuilds an index would.
      const std::string ids = read_small_file(item.path + "/tokens.bin", std::uint64_t{1} << 30U);
      if (row->second->problem.empty() && ids != ids_le<std::int32_t>(row->second->ids))
        report(item.path, "KV915", "tokens.bin has other ids than the index, which counts");
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      report(item.path, "KV915", fmt::format("tokens.bin: {}", error.what()));
    }
  }
  return out;
}

Restored take(const Place& place, const Row& row, std::span<const std::int32_t> wanted) {
  Restored out;
  SsdEntry entry = read(data_folder(place, row.folder));
  out.ids = ids_held(entry.cache, row.ids);
  out.cache = std::move(entry.cache);
  cut_to_prompt(out.cache, out.ids, wanted);
  out.losses = std::move(entry.losses);
  out.entry = data_folder(place, row.folder);
  out.outcome = Restored::Outcome::restored;
  return out;
}

Restored restore_from(const Place& place, const Query& query) {
  Restored out;
  const std::vector<Row> rows = read_rows(place.path);
  std::vector<std::pair<std::int64_t, const Row*>> candidates;
  for (const Row& row : rows) {
    const std::int64_t common = common_prefix(row.ids, query.tokens);
    if (common > 0) candidates.emplace_back(common, &row);
  }
  std::ranges::stable_sort(candidates, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second->ids.size() < b.second->ids.size();
  });
  for (const auto& [common, row] : candidates) {
    try {
      return take(place, *row, query.tokens);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      if (out.why.empty()) out.why = fmt::format("entry {}: {}", row->folder.substr(0, 12), error.what());
      out.outcome = Restored::Outcome::refused;
    }
  }
  if (out.why.empty()) out.why = fmt::format("none of {} rows of the index begins as the prompt does", rows.size());
  return out;
}

std::vector<Prompt> prompts(const Place& place) {
  std::vector<Prompt> out;
  for (const Row& row : read_rows(place.path))
    if (row.problem.empty()) out.push_back({row.folder, data_folder(place, row.folder), row.num_tokens});
  return out;
}

Restored restore_prompt(const Place& place, const Prompt& prompt, const Query& /*query*/) {
  Restored out;
  try {
    for (const Row& row : read_rows(place.path))
      if (row.folder == prompt.name) return take(place, row, row.ids);
    out.why = "the index no longer has it";
  } catch (const Error& error) {
    refuse(out, error);
  }
  return out;
}

}  // namespace
}  // namespace ssd_row

const Format vllm_mlx_ssd_format = {"vllm-mlx-ssd",
                                    "vllm-mlx SSD tier",
                                    "1",
                                    ssd_row::owns_folder,
                                    ssd_row::owns_file,
                                    ssd_row::items,
                                    ssd_row::look,
                                    ssd_row::check,
                                    ssd_row::check_place,
                                    ssd_row::restore_from,
                                    ssd_row::prompts,
                                    ssd_row::restore_prompt,
                                    {}};

}  // namespace kvcache::foreign

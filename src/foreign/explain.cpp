#include "foreign/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "foreign/row_tools.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/sha256.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;

const std::string* find_setting(const std::vector<Setting>& settings, const std::string& name) {
  const auto it = std::ranges::find(settings, name, &Setting::first);
  return it == settings.end() ? nullptr : &it->second;
}

/// Which format a file has is no setting: a server reads several, and what it does not read is never_again.
bool is_compared(const Setting& setting) {
  return setting.first != "format";
}

/// What stands in the way of an entry's being used, setting by setting.
std::vector<std::string> differences(const std::vector<Setting>& settings, const std::vector<Setting>& running) {
  std::vector<std::string> out;
  for (const auto& [name, value] : running) {
    if (!is_compared({name, value})) continue;
    const std::string* mine = find_setting(settings, name);
    if (mine == nullptr)
      out.push_back(fmt::format("{} not stored, running {}", name, printable(value)));
    else if (*mine != value)
      out.push_back(fmt::format("{} {}, running {}", name, printable(*mine), printable(value)));
  }
  for (const auto& [name, value] : settings)
    if (is_compared({name, value}) && find_setting(running, name) == nullptr)
      out.push_back(fmt::format("{} {}, running none", name, printable(value)));
  return out;
}

void add_entry(const Format& format, Entry& entry, std::map<std::string, Signature>& signatures) {
  Signature& signature = signatures[signature_id(format, entry)];
  const bool first = signature.entries.files == 0;
  signature.entries.add(entry.bytes);
  signature.tokens += entry.tokens;
  signature.newest = first ? entry.modified : std::max(signature.newest, entry.modified);
  signature.blocks = signature.blocks || !entry.whole_cache;
  if (!entry.never_again.empty()) {
    ++signature.never_again_entries;
    if (signature.never_again.empty()) signature.never_again = entry.never_again;
  }
  if (!entry.layers_without_state.empty()) {
    ++signature.without_state;
    for (const std::int64_t layer : entry.layers_without_state)
      if (std::ranges::find(signature.layers_without_state, layer) == signature.layers_without_state.end())
        signature.layers_without_state.push_back(layer);
  }
  if (!first) return;
  signature.model = std::move(entry.model);
  signature.settings = std::move(entry.settings);
}

/// By the model's folder, for formats whose entries do not say themselves which model they are of. An index that cannot be
/// read tells nothing: what is wrong with it is said elsewhere.
std::string why_other_model(const Place& place, const std::string& model_folder) {
  if (place.format->other_model == nullptr || model_folder.empty()) return {};
  try {
    return place.format->other_model(place, model_folder);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;
    return {};
  }
}

/// Of a file, or of what is in the folder that an entry is.
std::uint64_t size_of(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(fs::symlink_status(path, error))) {
    std::uint64_t bytes = 0;
    for (const std::string& name : files_in(path)) bytes += size_of(fmt::format("{}/{}", path, name));
    return bytes;
  }
  const std::uintmax_t bytes = fs::file_size(path, error);
  return error ? 0 : bytes;
}

/// What stands in the way of the whole place, and which of its entries nothing will use.
void add_reports(const Place& place, std::span<const Item> items, Explanation& out) {
  constexpr std::size_t most_problems = 20;
  const auto add_problem = [&](const std::string& path, const Finding& finding) {
    if (out.problems.size() == most_problems) return;
    const std::string name = path == place.path ? std::string() : fs::path(path).filename().string() + ": ";
    out.problems.push_back(name + finding.message);
  };
  std::vector<Report> reports = place.format->check_place(place, items);
  std::set<std::string> of_place = {place.path};  // and its indexes
  for (const Item& item : items)
    if (item.kind == Item::Kind::index) {
      of_place.insert(item.path);
      reports.push_back(place.format->check(place, item));
    }
  for (const Report& report : reports) {
    const bool of_all = of_place.contains(report.path);
    for (const Finding& finding : report.findings) {
      if (of_all) {
        add_problem(report.path, finding);
      } else if (finding.code == "KV905") {
        out.orphans.add(size_of(report.path));
        break;
      } else if (finding.severity == Severity::error) {
        if (out.passed_over.amount.files == 0) {
          out.passed_over.example = report.path;
          out.passed_over.why = finding.message;
        }
        out.passed_over.amount.add(size_of(report.path));
        break;
      }
    }
  }
}

}  // namespace

std::uint64_t Explanation::dead_bytes() const {
  std::uint64_t bytes = unreadable.amount.bytes + temporary.bytes;
  for (const Signature& signature : signatures)
    if (signature.dead()) bytes += signature.entries.bytes;
  return bytes;
}

std::string signature_id(const Format& format, const Entry& entry) {
  std::string text = fmt::format("{}\n{}\n", format.id, entry.model);
  for (const auto& [name, value] : entry.settings) text += fmt::format("{}={}\n", name, value);
  return sha256(text).substr(0, 8);
}

Running settings_of(const std::string& path) {
  const std::optional<Place> place = place_of(path);
  if (!place) throw Error(ErrorKind::usage, fmt::format("{} is no entry of a server's folder", printable(path, 500)));
  const std::vector<Item> items = place->format->items(*place);
  for (const Item& item : items) {
    if (item.kind != Item::Kind::entry) continue;
    Entry entry = place->format->look(*place, item);
    if (!entry.readable) throw Error(ErrorKind::usage, fmt::format("{}: {}", printable(path, 500), entry.verdict));
    return {place->format, std::move(entry.model), std::move(entry.settings)};
  }
  throw Error(ErrorKind::usage, fmt::format("{} holds no entry", printable(path, 500)));
}

Explanation explain(const Place& place, const std::optional<Running>& running, const Query& query) {
  Explanation out;
  out.place = place;
  std::map<std::string, Signature> signatures;
  const std::vector<Item> items = place.format->items(place);
  std::set<std::string> beside;  // names of entries that have their state in a file of its own
  for (const Item& item : items)
    if (item.kind == Item::Kind::sidecar) beside.insert(fs::path(item.path).stem().string());
  list_entries(place, [&](Entry entry) {
    if (entry.vanished) return;
    if (entry.item.kind == Item::Kind::temporary) out.temporary.add(entry.bytes);
    if (entry.item.kind == Item::Kind::other) out.others.add(entry.bytes);
    if (entry.item.kind != Item::Kind::entry) return;
    out.all.add(entry.bytes);
    if (entry.readable) {
      if (!entry.layers_without_state.empty() && beside.contains(fs::path(entry.item.path).stem().string()))
        entry.layers_without_state.clear();
      add_entry(*place.format, entry, signatures);
      return;
    }
    if (out.unreadable.amount.files == 0) {
      out.unreadable.example = entry.item.path;
      out.unreadable.why = entry.verdict;
    }
    out.unreadable.amount.add(entry.bytes);
  });
  for (auto& [id, signature] : signatures) {
    signature.id = id;
    // Some of them may still be used.
    if (signature.never_again_entries < signature.entries.files) signature.never_again.clear();
    std::ranges::sort(signature.layers_without_state);
    // Of another model it is another server's business.
    if (running && running->format == place.format && running->model == signature.model) {
      signature.differences = differences(signature.settings, running->settings);
      signature.matches = signature.differences.empty();
    }
    out.signatures.push_back(std::move(signature));
  }
  std::ranges::stable_sort(out.signatures, [](const Signature& a, const Signature& b) {
    if (a.dead() != b.dead()) return b.dead();
    return a.newest > b.newest;
  });
  add_reports(place, items, out);
  if (std::string why = why_other_model(place, query.model_folder); !why.empty()) out.problems.push_back(std::move(why));
  if (!query.tokens.empty()) out.prompt = restore(place, query);
  return out;
}

}  // namespace kvcache::foreign

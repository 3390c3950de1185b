#include "catalog/prune_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <span>

#include "common/human.h"
#include "foreign/explain.h"
#include "foreign/forget.h"
#include "kvcache/error.h"
#include "kvcache/stop.h"
#include "platform/in_order.h"

namespace kvcache::catalog {
namespace {

namespace fs = std::filesystem;

/// Without those that lie inside another one: a file must not count twice.
std::vector<std::string> distinct(const std::vector<std::string>& folders) {
  std::vector<std::string> out;
  std::vector<fs::path> real;
  for (const std::string& folder : folders) {
    std::error_code error;
    const fs::path path = fs::canonical(folder, error);
    if (error) throw Error(ErrorKind::io, fmt::format("{}: cannot be read: {}", folder, error.message()));
    if (!fs::is_directory(path)) throw Error(ErrorKind::usage, fmt::format("{} is no folder", folder));
    real.push_back(path / "");
  }
  const auto inside = [&](std::size_t i, std::size_t j) {
    return real[i].native().starts_with(real[j].native()) && (real[i] != real[j] || j < i);
  };
  for (std::size_t i = 0; i < folders.size(); ++i) {
    bool covered = false;
    for (std::size_t j = 0; j < folders.size(); ++j) covered = covered || (i != j && inside(i, j));
    if (!covered) out.push_back(folders[i]);
  }
  return out;
}

PruneFile look_at(const std::string& folder, const Found& found, bool whole_files) {
  PruneFile out;
  out.folder = folder;
  out.path = found.below;
  const std::string& path = found.path;
  out.state = detail::file_state(path);
  if (!out.state) {
    out.file.path = path;
    out.why = "a link";
    return out;
  }
  out.file = list_file(path, whole_files);
  // What was read has to be what is deleted.
  if (detail::file_state(path) != out.state) {
    out.state.reset();
    out.why = "it is being written to";
  }
  return out;
}

/// Whether a file may go at all, whatever is asked for. Says why not.
bool may_go(PruneFile& candidate) {
  if (candidate.state && candidate.file.recognised) return true;
  if (candidate.state) candidate.why = fmt::format("not recognised as a cache: {}", candidate.file.verdict);
  return false;
}

void remove(PruneFile& candidate, const std::string& why) {
  candidate.fate = PruneFile::Fate::remove;
  candidate.why = why;
}

/// Why a file stays, of several groups: what the first of them said.
void keep(PruneFile& candidate, const std::string& why) {
  if (candidate.why.empty()) candidate.why = why;
}

/// Of the candidates as many as necessary, the oldest first.
void choose_down_to(std::uint64_t limit, std::uint64_t bytes, bool by_access, std::vector<PruneFile*> candidates) {
  std::ranges::stable_sort(candidates, {}, [by_access](const PruneFile* c) {
    // What is not known to have been read was at least written.
    return by_access ? std::max(c->file.accessed, c->file.modified).time_since_epoch().count() : c->state->modified;
  });
  const std::string fits = detail::human_bytes(static_cast<double>(limit));
  for (PruneFile* candidate : candidates) {
    if (bytes <= limit) {
      candidate->why = fmt::format("the caches that stay fit into {}", fits);
      continue;
    }
    remove(*candidate, candidate->why + fmt::format("{}the caches take more than {}, and none that may go {}",
                                                    candidate->why.empty() ? "" : "; ", fits,
                                                    by_access ? "was last read earlier" : "is older"));
    bytes -= candidate->file.bytes;
  }
}

/// A path below the folder that the user has named.
std::string below(const std::string& folder, const std::string& path) {
  std::string out = path.substr(folder.size());
  out.erase(0, out.find_first_not_of('/'));
  return out;
}

/// What is deleted with an entry, or instead of it where it is a folder.
void take_parts(PruneFile& file, const foreign::Place& place, const std::string& entry) {
  file.place = place;
  if (file.why.empty()) file.why = foreign::why_left_to_server(place);
  for (const std::string& path : foreign::files_of_entry(place, entry)) {
    const auto state = detail::file_state(path);
    if (!state) continue;
    if (!file.state || state->modified > file.state->modified) file.state = state;
    file.parts.emplace_back(below(file.folder, path), *state);
  }
  if (file.parts.empty() && file.why.empty()) file.why = "no files of it are here";
  if (!file.why.empty()) file.state.reset();
}

/// An entry of a server's folder, as far as it may be deleted by itself.
PruneFile of_entry(const std::string& folder, const foreign::Place& place, const foreign::Entry& entry) {
  PruneFile out;
  const std::string& path = entry.item.path;
  out.folder = folder;
  out.path = below(folder, path);
  out.file.path = path;
  out.file.kind = entry.whole_cache ? ListedFile::Kind::cache : ListedFile::Kind::block;
  out.file.model = entry.model;
  out.file.format = place.format->id;
  out.file.tokens = entry.tokens;
  out.file.bytes = entry.bytes;
  out.file.modified = entry.modified;
  out.file.verdict = entry.verdict;
  out.file.recognised = entry.readable;
  if (entry.readable) out.signature = foreign::signature_id(*place.format, entry);
  // What was read has to be what is deleted.
  const auto read_at = std::chrono::duration_cast<std::chrono::microseconds>(entry.modified.time_since_epoch()).count();
  if (const auto state = detail::file_state(path))
    if (state->size != entry.bytes || state->modified / 1000 != read_at) out.why = "it is being written to";
  take_parts(out, place, path);
  return out;
}

std::vector<foreign::Place> places_in(const std::string& folder) {
  if (std::optional<foreign::Place> place = foreign::place_of(folder)) return {*place};
  return foreign::places_below(folder);
}

/// Entries of servers' folders at or below a folder.
void look_at_places(const std::string& folder, PrunePlan& plan) {
  for (const foreign::Place& place : places_in(folder))
    foreign::list_entries(place, [&](const foreign::Entry& entry) {
      if (entry.item.kind != foreign::Item::Kind::entry || entry.vanished) return;
      plan.files.push_back(of_entry(folder, place, entry));
    });
}

/// Whether a file is part of an entry that is a folder.
bool lies_in_any(const std::string& path, const std::set<std::string>& entries) {
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1))
    if (entries.contains(path.substr(0, slash))) return true;
  return false;
}

/// Files that lie in folders of servers: an entry goes with all that belongs to it, and its parts never by themselves.
/// `found`: all paths that were not left out, sorted.
void join_entries(const std::string& folder, std::span<const std::string> found, PrunePlan& plan) {
  const auto has_any_in = [&](const std::string& path) {
    const auto it = std::ranges::lower_bound(found, path + '/');
    return it != found.end() && it->starts_with(path + '/');
  };
  for (const foreign::Place& place : places_in(folder)) {
    if (place.is_file) continue;
    std::map<std::string, PruneFile*> files;
    for (PruneFile& file : plan.files)
      if (file.file.path.starts_with(place.path + '/')) files.emplace(file.file.path, &file);
    std::vector<PruneFile> more;
    std::set<std::string> entries;
    for (const foreign::Item& item : place.format->items(place)) {
      if (item.kind != foreign::Item::Kind::entry) continue;
      entries.insert(item.path);
      if (const auto file = files.find(item.path); file != files.end()) {
        if (file->second->state) take_parts(*file->second, place, item.path);
      } else if (has_any_in(item.path) || std::ranges::binary_search(found, item.path)) {
        const foreign::Entry entry = place.format->look(place, item);
        if (entry.vanished) continue;
        more.push_back(of_entry(folder, place, entry));
        // What was no cache by itself is a part of one.
        for (const auto& [part, state] : more.back().parts) {
          const std::string path = fmt::format("{}/{}", folder, part);
          if (!files.contains(path) && std::ranges::binary_search(found, path) && plan.others > 0) --plan.others;
        }
      }
    }
    const std::string why = foreign::why_left_to_server(place);
    for (const auto& [path, file] : files) {
      if (entries.contains(path) || !file->state) continue;
      if (!lies_in_any(path, entries) && why.empty()) continue;
      file->state.reset();
      file->why = why.empty() ? "part of an entry, with which it goes" : why;
    }
    std::ranges::move(more, std::back_inserter(plan.files));
  }
}

bool has_signature(const PruneFile& file, const PruneRequest& request) {
  return request.signatures.empty() || std::ranges::find(request.signatures, file.signature) != request.signatures.end();
}

void decide(PrunePlan& plan, const PruneRequest& request) {
  for (PruneFile& file : plan.files) {
    if (!may_go(file)) continue;
    if (!has_signature(file, request)) {
      keep(file, fmt::format("signature {}", file.signature));
      continue;
    }
    if (request.groups.empty()) remove(file, fmt::format("signature {}", file.signature));
    for (const PruneGroup& group : request.groups) {
      if (group.keep_bytes) continue;
      const Selection::Answer answer = group.what.judge(file.file);
      if (!answer.meant) {
        keep(file, answer.why);
        continue;
      }
      remove(file, answer.why);
      break;
    }
  }
  // What is to fit is what the other groups leave.
  for (const PruneGroup& group : request.groups) {
    if (!group.keep_bytes) continue;
    std::vector<PruneFile*> candidates;
    std::uint64_t bytes = 0;
    for (PruneFile& file : plan.files) {
      if (file.fate == PruneFile::Fate::remove) continue;
      if (file.file.recognised) bytes += file.file.bytes;
      if (!file.state || !file.file.recognised || !has_signature(file, request)) continue;
      const Selection::Answer answer = group.what.judge(file.file);
      if (answer.meant) {
        file.why = answer.why;
        candidates.push_back(&file);
      } else {
        keep(file, answer.why);
      }
    }
    choose_down_to(*group.keep_bytes, bytes, request.by_access, std::move(candidates));
  }
}

}  // namespace

PrunePlan plan_prune(const std::vector<std::string>& folders, const PruneRequest& request) {
  PrunePlan plan;
  if (!request.signatures.empty()) {
    for (const std::string& folder : distinct(folders)) look_at_places(folder, plan);
    decide(plan, request);
    return plan;
  }
  std::vector<std::pair<std::string, Found>> found;  // in which folder
  for (const std::string& folder : distinct(folders)) {
    for (Found& file : find_files(folder, request.exclude)) {
      if (file.error.empty())
        found.emplace_back(folder, std::move(file));
      else
        plan.unreadable.push_back(std::move(file));
    }
  }
  const bool whole_files = std::ranges::any_of(request.groups, [](const PruneGroup& group) { return group.what.proven; });
  detail::in_order_by<PruneFile>(
      files_at_once, found.size(), list_workers(),
      [&](std::size_t i) { return look_at(found[i].first, found[i].second, whole_files); },
      [&](std::size_t, PruneFile file) {
        if (file.state && file.file.kind == ListedFile::Kind::other)
          ++plan.others;
        else
          plan.files.push_back(std::move(file));
      });
  std::vector<std::string> paths;
  paths.reserve(found.size());
  for (const auto& [folder, file] : found) paths.push_back(file.path);
  std::ranges::sort(paths);
  for (const std::string& folder : distinct(folders)) join_entries(folder, paths, plan);
  decide(plan, request);
  return plan;
}

namespace {

/// Whether a chosen file, or all that is one entry, is still what was looked at.
bool is_unchanged(PruneFile& file) {
  if (file.parts.empty()) file.parts.emplace_back(file.path, *file.state);
  for (const auto& [path, state] : file.parts) {
    const std::string whole = fmt::format("{}/{}", file.folder, path);
    if (detail::file_state(whole) == state) continue;
    std::error_code unknown;
    file.fate = PruneFile::Fate::changed;
    file.why = fs::exists(whole, unknown) ? "it has changed since it was looked at" : "it is gone already";
    return false;
  }
  return true;
}

void remove_all(PruneFile& file) {
  if (!is_unchanged(file)) return;
  for (const auto& [path, state] : file.parts) {
    switch (detail::remove_unchanged(file.folder, path, state)) {
      case detail::Removal::removed:
        file.fate = PruneFile::Fate::removed;
        break;
      case detail::Removal::changed:
        file.fate = PruneFile::Fate::changed;
        file.why = "it has changed since it was looked at";
        return;
      case detail::Removal::gone:
        if (file.fate == PruneFile::Fate::removed) break;
        file.fate = PruneFile::Fate::changed;
        file.why = "it is gone already";
        break;
    }
  }
  // An entry that was a folder: one that is not empty stays.
  std::error_code ignored;
  if (file.place && fs::is_directory(fs::symlink_status(file.file.path, ignored))) fs::remove(file.file.path, ignored);
}

/// The indexes of the folders that entries go from. Where one is locked, its entries stay.
void forget(PrunePlan& plan) {
  std::map<std::string, std::vector<PruneFile*>> by_place;
  for (PruneFile& file : plan.files)
    if (file.fate == PruneFile::Fate::remove && file.place && is_unchanged(file)) by_place[file.place->path].push_back(&file);
  for (const auto& [path, files] : by_place) {
    std::vector<std::string> entries;
    entries.reserve(files.size());
    for (const PruneFile* file : files) entries.push_back(file->file.path);
    try {
      foreign::forget_entries(*files.front()->place, entries);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      for (PruneFile* file : files) {
        file->fate = PruneFile::Fate::failed;
        file->why = error.what();
      }
    }
  }
}

}  // namespace

void carry_out(PrunePlan& plan) {
  if (stop_requested() != 0) return;
  forget(plan);
  for (PruneFile& file : plan.files) {
    if (file.fate != PruneFile::Fate::remove) continue;
    if (stop_requested() != 0) return;
    try {
      remove_all(file);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) return;
      file.fate = PruneFile::Fate::failed;
      file.why = error.what();
    }
  }
}

}  // namespace kvcache::catalog

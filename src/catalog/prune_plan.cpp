#include "catalog/prune_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "common/human.h"
#include "foreign/explain.h"
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

/// An entry of a server's folder, as far as it may be deleted by itself.
PruneFile of_entry(const std::string& folder, const foreign::Place& place, bool indexed, const foreign::Entry& entry) {
  PruneFile out;
  const std::string& path = entry.item.path;
  out.folder = folder;
  out.path = path.substr(folder.size());
  out.path.erase(0, out.path.find_first_not_of('/'));
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
  out.state = detail::file_state(path);
  // What was read has to be what is deleted.
  const auto read_at = std::chrono::duration_cast<std::chrono::microseconds>(entry.modified.time_since_epoch()).count();
  const bool changed = out.state && (out.state->size != entry.bytes || out.state->modified / 1000 != read_at);
  if (changed) {
    out.state.reset();
    out.why = "it is being written to";
  } else if (indexed) {
    // The list would name what is gone, and some servers do not start then.
    out.state.reset();
    out.why = "the index of its folder lists it: only its server can delete it";
  } else if (!out.state) {
    out.why = "it is no single file: only its server can delete it";
  }
  return out;
}

/// Entries of servers' folders at or below a folder.
void look_at_places(const std::string& folder, PrunePlan& plan) {
  std::vector<foreign::Place> places;
  if (std::optional<foreign::Place> place = foreign::place_of(folder))
    places.push_back(*place);
  else
    places = foreign::places_below(folder);
  for (const foreign::Place& place : places) {
    const std::vector<foreign::Item> items = place.format->items(place);
    const auto is_index = [](const foreign::Item& item) { return item.kind == foreign::Item::Kind::index; };
    const bool indexed = std::ranges::any_of(items, is_index);
    foreign::list_entries(place, [&](foreign::Entry entry) {
      if (entry.item.kind != foreign::Item::Kind::entry || entry.vanished) return;
      plan.files.push_back(of_entry(folder, place, indexed, entry));
    });
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
  decide(plan, request);
  return plan;
}

void carry_out(PrunePlan& plan) {
  for (PruneFile& file : plan.files) {
    if (file.fate != PruneFile::Fate::remove) continue;
    if (stop_requested() != 0) return;
    try {
      switch (detail::remove_unchanged(file.folder, file.path, *file.state)) {
        case detail::Removal::removed:
          file.fate = PruneFile::Fate::removed;
          break;
        case detail::Removal::changed:
          file.fate = PruneFile::Fate::changed;
          file.why = "it has changed since it was looked at";
          break;
        case detail::Removal::gone:
          file.fate = PruneFile::Fate::changed;
          file.why = "it is gone already";
          break;
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) return;
      file.fate = PruneFile::Fate::failed;
      file.why = error.what();
    }
  }
}

}  // namespace kvcache::catalog

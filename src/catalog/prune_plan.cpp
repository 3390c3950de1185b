#include "catalog/prune_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

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
using Clock = std::chrono::system_clock;

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

PruneFile look_at(const std::string& folder, const std::string& path, bool read_stamped) {
  PruneFile out;
  out.folder = folder;
  out.path = path.substr(folder.size());
  out.path.erase(0, out.path.find_first_not_of('/'));
  out.state = detail::file_state(path);
  if (!out.state) {
    out.file.path = path;
    out.why = "a link";
    return out;
  }
  out.file = list_file(path, read_stamped);
  // What was read has to be what is deleted.
  if (detail::file_state(path) != out.state) {
    out.state.reset();
    out.why = "it is being written to";
  }
  return out;
}

class Judge {
 public:
  explicit Judge(const PruneCriteria& criteria) : criteria_(criteria) {}

  /// Whether a file meets all criteria but that of size. Says why in either case.
  bool chosen(PruneFile& candidate) const {
    const ListedFile& file = candidate.file;
    std::vector<std::string> reasons;
    const auto keep = [&](std::string why) {
      candidate.why = std::move(why);
      return false;
    };
    if (!candidate.state) return keep(candidate.why);
    if (!file.recognised) return keep(fmt::format("not recognised as a cache: {}", file.verdict));
    if (!criteria_.signatures.empty()) {
      reasons.push_back(fmt::format("signature {}", candidate.signature));
      if (std::ranges::find(criteria_.signatures, candidate.signature) == criteria_.signatures.end())
        return keep(reasons.back());
    }
    if (criteria_.model) {
      reasons.push_back(file.model.empty() ? "it names no model" : "model " + file.model);
      if (file.model != *criteria_.model) return keep(reasons.back());
    }
    if (!criteria_.format.empty()) {
      reasons.push_back(file.format.empty() ? "its format is unknown" : "format " + file.format);
      if (file.format != criteria_.format) return keep(reasons.back());
    }
    if (criteria_.older_than) {
      const auto age = std::chrono::duration_cast<std::chrono::seconds>(now_ - file.modified);
      if (age <= *criteria_.older_than) return keep(fmt::format("only {} old", detail::human_age(age)));
      reasons.push_back(fmt::format("{} old", detail::human_age(age)));
    }
    if (criteria_.broken) {
      if (!file.damaged) return keep("not broken");
      reasons.push_back("broken: " + file.verdict);
    }
    candidate.why = fmt::format("{}", fmt::join(reasons, "; "));
    return true;
  }

 private:
  const PruneCriteria& criteria_;
  Clock::time_point now_ = Clock::now();
};

/// Of the candidates as many as necessary, the oldest first.
void choose_down_to(std::uint64_t limit, std::uint64_t bytes, std::vector<PruneFile*> candidates) {
  std::ranges::stable_sort(candidates, {}, [](const PruneFile* c) { return c->state->modified; });
  for (PruneFile* candidate : candidates) {
    if (bytes <= limit) {
      candidate->why = fmt::format("the caches that stay fit into {}", detail::human_bytes(static_cast<double>(limit)));
      continue;
    }
    candidate->fate = PruneFile::Fate::remove;
    candidate->why += fmt::format("{}the caches take more than {}, and none that may go is older",
                                  candidate->why.empty() ? "" : "; ", detail::human_bytes(static_cast<double>(limit)));
    bytes -= candidate->file.bytes;
  }
}

/// An entry of a server's folder, as far as it may be deleted by itself.
PruneFile of_entry(const std::string& folder, const foreign::Place& place, bool indexed, foreign::Entry entry) {
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
      plan.files.push_back(of_entry(folder, place, indexed, std::move(entry)));
    });
  }
}

void decide(PrunePlan& plan, const PruneCriteria& criteria) {
  const Judge judge(criteria);
  std::vector<PruneFile*> candidates;
  std::uint64_t bytes = 0;
  for (PruneFile& file : plan.files) {
    if (file.file.recognised) bytes += file.file.bytes;
    if (judge.chosen(file)) candidates.push_back(&file);
  }
  if (criteria.keep_bytes) return choose_down_to(*criteria.keep_bytes, bytes, std::move(candidates));
  for (PruneFile* candidate : candidates) candidate->fate = PruneFile::Fate::remove;
}

}  // namespace

PrunePlan plan_prune(const std::vector<std::string>& folders, const PruneCriteria& criteria) {
  PrunePlan plan;
  if (!criteria.signatures.empty()) {
    for (const std::string& folder : distinct(folders)) look_at_places(folder, plan);
    decide(plan, criteria);
    return plan;
  }
  std::vector<std::pair<std::string, std::string>> found;  // folder, path
  for (const std::string& folder : distinct(folders)) {
    for (Found& file : find_files(folder)) {
      if (file.error.empty())
        found.emplace_back(folder, std::move(file.path));
      else
        plan.unreadable.push_back(std::move(file));
    }
  }
  detail::in_order<PruneFile>(
      found.size(), list_workers(), [&](std::size_t i) { return look_at(found[i].first, found[i].second, criteria.broken); },
      [&](std::size_t, PruneFile file) {
        if (file.state && file.file.kind == ListedFile::Kind::other)
          ++plan.others;
        else
          plan.files.push_back(std::move(file));
      });
  decide(plan, criteria);
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

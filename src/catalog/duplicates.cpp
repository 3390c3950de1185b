#include "catalog/duplicates.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "catalog/prompt_keys.h"
#include "kvcache/error.h"
#include "kvcache/prompt_cache.h"
#include "kvcache/sha256.h"
#include "kvcache/stamp.h"

namespace kvcache::catalog {
namespace {

struct DuplicateCandidate {
  const ListedFile* file = nullptr;
  std::string keys;               // what has to be the same for keys to be comparable; empty: none are
  std::int64_t tokens = 0;        // that have keys
  std::string prompt;             // of its stamp: what is the same for the same prompt, or empty
  std::vector<std::int32_t> ids;  // of its stamp
  std::string arrays;             // digest of the keys, dtypes and shapes of all arrays
};

/// Which files belong together, as they are found to.
class Sets {
 public:
  explicit Sets(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t find(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { parent_[std::max(find(a), find(b))] = std::min(find(a), find(b)); }

 private:
  std::vector<std::size_t> parent_;
};

std::string digest_of_shapes(const Header& header) {
  std::string out;
  for (const TensorEntry& entry : header.tensors) {
    out += entry.key;
    out += ' ';
    out += name(entry.dtype);
    out += to_string(entry.shape);
    out += '\n';
  }
  return sha256(out);
}

void read_stamp(const PromptCache& cache, DuplicateCandidate& candidate) {
  try {
    const std::optional<Stamp> stamp = find_stamp(cache);
    if (!stamp) return;
    if (stamp->tokens) {
      candidate.prompt = stamp->tokens->sha256;
      candidate.ids = stamp->tokens->ids.value_or(std::vector<std::int32_t>());
    } else if (stamp->text) {
      candidate.prompt = "text " + sha256(*stamp->text);
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;  // one that cannot be read is a finding of verify
  }
}

// Looked at one after the other and closed again: a system has only so many open files.
std::optional<DuplicateCandidate> candidate_of(const ListedFile& file) {
  if (file.kind != ListedFile::Kind::cache || file.damaged) return std::nullopt;
  try {
    DuplicateCandidate out;
    out.file = &file;
    const Document document = read_document(file.path);
    if (const auto keys = PromptKeys::of(document)) {
      out.keys = keys->shape();
      out.tokens = keys->tokens();
    }
    out.arrays = digest_of_shapes(document.file.header());
    read_stamp(document.cache, out);
    return out;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return std::nullopt;  // it was there a moment ago
  }
}

/// The longest that begins with a prompt, and how many do.
struct Longer {
  std::size_t longest = 0;
  std::size_t count = 0;
  bool by_stamp = false;
};

class Finder {
 public:
  explicit Finder(std::vector<DuplicateCandidate> candidates)
      : all_(std::move(candidates)), prompts_(all_.size()), stamped_(all_.size()) {}

  std::vector<Duplicates> find() {
    by_stamps();
    by_keys();
    by_contents();
    std::vector<Duplicates> out;
    report_bytes(out);
    report_prompts(out);
    report_prefixes(out);
    return out;
  }

 private:
  [[nodiscard]] const std::string& model(std::size_t i) const { return all_[i].file->model; }

  void by_stamps() {
    std::map<std::pair<std::string, std::string>, std::size_t> seen;  // model and prompt
    std::vector<std::size_t> with_ids;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (all_[i].prompt.empty()) continue;
      const auto [first, added] = seen.try_emplace({model(i), all_[i].prompt}, i);
      if (!added) {
        prompts_.join(first->second, i);
        stamped_.join(first->second, i);
      } else if (!all_[i].ids.empty()) {
        with_ids.push_back(i);
      }
    }
    // In the order of their ids, what begins with a prompt comes right behind it.
    std::ranges::sort(with_ids, {}, [&](std::size_t i) { return std::tie(model(i), all_[i].ids); });
    std::vector<std::size_t> open;
    for (const std::size_t i : with_ids) {
      while (!open.empty() && !begins_with(i, open.back())) open.pop_back();
      for (const std::size_t shorter : open) note_longer(shorter, i, true);
      open.push_back(i);
    }
  }

  [[nodiscard]] bool begins_with(std::size_t longer, std::size_t shorter) const {
    const auto& a = all_[shorter].ids;
    const auto& b = all_[longer].ids;
    return model(longer) == model(shorter) && a.size() < b.size() && std::equal(a.begin(), a.end(), b.begin());
  }

  void by_keys() {
    // Files that can be compared, each from the shortest to the longest: what a longer one may begin with is known by then.
    std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (!all_[i].keys.empty()) groups[{model(i), all_[i].keys}].push_back(i);
    for (auto& [what, group] : groups) {
      if (group.size() < 2) continue;
      std::ranges::stable_sort(group, {}, [&](std::size_t i) { return all_[i].tokens; });
      std::set<std::int64_t> lengths;
      for (const std::size_t i : group) lengths.insert(all_[i].tokens);
      std::map<std::pair<std::int64_t, std::uint64_t>, std::size_t> whole;  // tokens and digest of those before
      for (const std::size_t i : group) compare_with_shorter(i, lengths, whole);
    }
  }

  void compare_with_shorter(std::size_t i, const std::set<std::int64_t>& lengths,
                            std::map<std::pair<std::int64_t, std::uint64_t>, std::size_t>& whole) {
    auto next = lengths.begin();
    try {
      const Document document = read_document(all_[i].file->path);
      const std::optional<PromptKeys> keys = PromptKeys::of(document);
      if (!keys || keys->shape() != all_[i].keys || keys->tokens() != all_[i].tokens) return;  // replaced meanwhile
      keys->digests([&](std::int64_t n, std::uint64_t digest) {
        if (next == lengths.end() || n != *next) return;
        ++next;
        const auto same = whole.find({n, digest});
        if (n < all_[i].tokens) {
          if (same != whole.end()) note_longer(same->second, i, false);
        } else if (same != whole.end()) {
          prompts_.join(same->second, i);
        } else {
          whole.emplace(std::pair(n, digest), i);
        }
      });
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
    }
  }

  void note_longer(std::size_t shorter, std::size_t longer, bool by_stamp) {
    const auto [known, added] = longer_.try_emplace(shorter, Longer{longer, 1, by_stamp});
    if (added || known->second.by_stamp != by_stamp) return;
    ++known->second.count;
    const auto tokens = [&](std::size_t i) { return all_[i].file->tokens; };
    if (tokens(longer) > tokens(known->second.longest)) known->second.longest = longer;
  }

  /// Reads what may be the same: of one prompt, or without keys to know it by, and with the same arrays.
  void by_contents() {
    std::map<std::tuple<std::string, std::size_t, std::string>, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const bool known = !all_[i].keys.empty() || !all_[i].prompt.empty();
      groups[{model(i), known ? prompts_.find(i) + 1 : 0, all_[i].arrays}].push_back(i);
    }
    for (const auto& [what, group] : groups) {
      if (group.size() < 2) continue;
      std::map<std::uint64_t, std::vector<std::size_t>> same;
      for (const std::size_t i : group) {
        try {
          same[digest_of_arrays(SafetensorsFile::open(all_[i].file->path))].push_back(i);
        } catch (const Error& error) {
          if (error.kind() == ErrorKind::interrupted) throw;
        }
      }
      for (auto& [digest, files] : same)
        if (files.size() > 1) same_bytes_.push_back(std::move(files));
    }
    std::ranges::sort(same_bytes_);
  }

  [[nodiscard]] std::uint64_t bytes_without_largest(const std::vector<std::size_t>& files) const {
    std::uint64_t sum = 0;
    std::uint64_t largest = 0;
    for (const std::size_t i : files) {
      sum += all_[i].file->bytes;
      largest = std::max(largest, all_[i].file->bytes);
    }
    return sum - largest;
  }
  [[nodiscard]] std::vector<std::string> paths(const std::vector<std::size_t>& files) const {
    std::vector<std::string> out;
    out.reserve(files.size());
    for (const std::size_t i : files) out.push_back(all_[i].file->path);
    return out;
  }

  void report_bytes(std::vector<Duplicates>& out) const {
    for (const auto& files : same_bytes_)
      out.push_back({.kind = Duplicates::Kind::bytes,
                     .by_stamp = false,
                     .tokens = all_[files.front()].file->tokens,
                     .paths = paths(files),
                     .more = 0,
                     .bytes = bytes_without_largest(files)});
  }

  void report_prompts(std::vector<Duplicates>& out) {
    std::set<std::size_t> copies;  // that stand under "bytes" already, all but the first of each
    for (const auto& files : same_bytes_) copies.insert(files.begin() + 1, files.end());
    std::map<std::size_t, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (!copies.contains(i)) groups[prompts_.find(i)].push_back(i);
    for (const auto& group : groups) {
      const std::vector<std::size_t>& files = group.second;
      if (files.size() < 2) continue;
      const bool by_stamp =
          std::ranges::all_of(files, [&](std::size_t i) { return stamped_.find(i) == stamped_.find(files.front()); });
      out.push_back({.kind = Duplicates::Kind::prompt,
                     .by_stamp = by_stamp,
                     .tokens = all_[files.front()].file->tokens,
                     .paths = paths(files),
                     .more = 0,
                     .bytes = bytes_without_largest(files)});
    }
  }

  void report_prefixes(std::vector<Duplicates>& out) const {
    for (const auto& [shorter, longer] : longer_)
      out.push_back({.kind = Duplicates::Kind::prefix,
                     .by_stamp = longer.by_stamp,
                     .tokens = all_[shorter].file->tokens,
                     .paths = {all_[shorter].file->path, all_[longer.longest].file->path},
                     .more = longer.count - 1,
                     .bytes = all_[shorter].file->bytes});
  }

  std::vector<DuplicateCandidate> all_;
  Sets prompts_;
  Sets stamped_;  // those of them that stamps alone join
  std::map<std::size_t, Longer> longer_;
  std::vector<std::vector<std::size_t>> same_bytes_;
};

}  // namespace

std::string_view kind_name(Duplicates::Kind kind) noexcept {
  switch (kind) {
    case Duplicates::Kind::bytes:
      return "bytes";
    case Duplicates::Kind::prompt:
      return "prompt";
    case Duplicates::Kind::prefix:
      break;
  }
  return "prefix";
}

std::vector<Duplicates> find_duplicates(const std::vector<ListedFile>& files) {
  std::vector<DuplicateCandidate> candidates;
  for (const ListedFile& file : files)
    if (auto candidate = candidate_of(file)) candidates.push_back(*std::move(candidate));
  return Finder(std::move(candidates)).find();
}

}  // namespace kvcache::catalog

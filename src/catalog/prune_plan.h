// `kvcache prune`: which files go, which stay, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catalog/find_files.h"
#include "catalog/list_files.h"
#include "catalog/selection.h"
#include "foreign/foreign_format.h"
#include "platform/remove_file.h"

namespace kvcache::catalog {

/// Files that go together: what all of a selection holds for; where a size is given, as many of them as are too many.
struct PruneGroup {
  Selection what;
  std::optional<std::uint64_t> keep_bytes;  ///< stop when all caches that stay fit into this
  [[nodiscard]] bool any() const { return what.any() || keep_bytes; }
};

struct PruneRequest {
  std::vector<PruneGroup> groups;  ///< a file goes when one of them takes it; those with a size come last
  bool by_access = false;          ///< what counts as old for a size: when it was last read, not written
  std::vector<std::string> exclude = {};
  /// Of entries of servers' folders: those with these settings, as `explain` names them. Nothing else is looked at then.
  std::vector<std::string> signatures = {};
};

struct PruneFile {
  enum class Fate {
    keep,
    remove,   ///< chosen
    removed,  ///< and gone
    failed,   ///< chosen, but the system refused
    changed,  ///< chosen, but no longer the file that was looked at
  };
  std::string folder;  ///< as the user gave it
  std::string path;    ///< below it
  ListedFile file;
  std::string signature;  ///< of an entry of a server's folder, or empty
  /// The server's folder that it is an entry of; its index is changed before the entry goes.
  std::optional<foreign::Place> place;
  /// What goes with it, or is it, where it is more than the one file: below `folder`, as they were.
  std::vector<std::pair<std::string, detail::FileState>> parts;
  /// As it was when it was looked at. Nothing for what is not a regular file and what changed meanwhile.
  std::optional<detail::FileState> state;
  Fate fate = Fate::keep;
  std::string why;
};

struct PrunePlan {
  std::vector<PruneFile> files;   ///< in the order of the folders; without what is soundly something else
  std::vector<Found> unreadable;  ///< folders
  std::size_t others = 0;         ///< files that are no caches
};

/// Looks at every file below the folders and decides. Reads headers only, and to prove damage what stamps have checksums of;
/// links are not followed. A folder inside another one counts once. Throws Error(usage) for what is no folder, Error(io) for a
/// folder that cannot be read at all.
[[nodiscard]] PrunePlan plan_prune(const std::vector<std::string>& folders, const PruneRequest& request);

/// Deletes what was chosen. Entries that a server's index lists are taken out of it first; where that is refused, they stay and
/// have failed. What changed since it was looked at stays. Ends early when a stop is requested.
void carry_out(PrunePlan& plan);

}  // namespace kvcache::catalog

// Deleting files below a folder, and nothing else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace kvcache::detail {

/// Which file it is and in which state: another one when it was replaced or written to.
struct FileState {
  dev_t device = 0;
  ino_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  ///< nanoseconds since 1970
  friend bool operator==(const FileState&, const FileState&) = default;
};

/// Of a regular file, without following a link at the end of `path`. Nothing for a link, anything else, and no file at all.
[[nodiscard]] std::optional<FileState> file_state(const std::string& path);

enum class Removal {
  removed,
  changed,  ///< another file, or written to: it is still there
  gone,     ///< somebody else was faster
};

/// Remove `path`, relative to `folder`, if it is still in this state. `folder` may be a link; below it none is followed,
/// whatever is swapped for one in the meantime. Throws Error(io).
[[nodiscard]] Removal remove_unchanged(const std::string& folder, const std::string& path, const FileState& state);

}  // namespace kvcache::detail

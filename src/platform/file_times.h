// What a file system knows of a file without opening it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

struct stat;

namespace kvcache::detail {

struct FileTimes {
  std::uint64_t size = 0;     ///< bytes
  std::int64_t modified = 0;  ///< nanoseconds since 1970
  /// The same of the last read, as far as the file system keeps it: Linux moves it at most once a day unless the file was
  /// written to since (relatime), and never on a disk that is mounted with noatime. What this program reads does not count.
  std::int64_t accessed = 0;
};

[[nodiscard]] FileTimes file_times(const struct stat& status) noexcept;
/// Of what `path` names, links followed. Nothing where there is none.
[[nodiscard]] std::optional<FileTimes> file_times(const std::string& path);

}  // namespace kvcache::detail

// Folders that a program keeps for itself: made, locked, listed, measured.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace kvcache::detail {

/// Make a folder that only its owner enters (0700), and those above it that are missing. One that exists is fine. Returns
/// whether it was made. Throws Error(io).
bool make_private_folder(const std::string& path);

/// Whether there is a folder of that name.
[[nodiscard]] bool is_folder(const std::string& path);

/// A file below a folder.
struct FolderItem {
  std::string name;          ///< without the folder
  std::uint64_t bytes = 0;   ///< of its contents
  std::int64_t changed = 0;  ///< seconds since 1970: written to, or renamed
};
/// Calls `found` for each regular file in a folder, not in those below it. A folder that does not exist has none. Throws
/// Error(io).
void each_file_in(const std::string& folder, const std::function<void(const FolderItem&)>& found);

/// Bytes of a regular file, or nothing where there is none. Throws Error(io) where that cannot be told.
[[nodiscard]] std::optional<std::uint64_t> file_size(const std::string& path);
/// Which file has a name, or is open: another one has other numbers, also where it came to the same name.
struct FileIdentity {
  std::uint64_t device = 0;   ///< of the file system
  std::uint64_t number = 0;   ///< within it
  std::uint64_t bytes = 0;    ///< of its contents
  std::int64_t modified = 0;  ///< nanoseconds since 1970
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
/// Of a regular file, or nothing where there is none. Throws Error(io) where that cannot be told.
[[nodiscard]] std::optional<FileIdentity> identity_of_file(const std::string& path);
/// Of an open file. Throws Error(io).
[[nodiscard]] FileIdentity identity_of_file(int descriptor);

/// Rename, replacing what has the new name. False where there is no such file. Throws Error(io).
bool rename_file(const std::string& from, const std::string& to);
/// Remove a file; one that is not there is fine. Throws Error(io).
void remove_file(const std::string& path);
/// Make the names in a folder durable. Throws Error(io).
void make_names_durable(const std::string& folder);

/// Microseconds since 1970, as the system's clock has it.
[[nodiscard]] std::int64_t system_time();

/// Free bytes (for those who are not root) and all bytes of the disk that a path is on; nothing where that cannot be told.
[[nodiscard]] std::optional<std::pair<std::uint64_t, std::uint64_t>> disk_space(const std::string& path);
/// Whether a path is on a file system of another computer.
[[nodiscard]] bool on_network(const std::string& path);
/// Why we may not write to a file or a folder, in the system's words, or nothing. One that does not exist is no obstacle.
[[nodiscard]] std::optional<std::string> write_obstacle(const std::string& path);

/// A lock on a file that several holders share. Nobody waits for it.
class SharedLock {
 public:
  /// Shared, as long as this lives. Nothing where the file cannot be opened, or locks are not supported, or somebody holds it
  /// alone and does not let go within a second (who does so for good has stopped).
  static std::shared_ptr<void> hold(const std::string& path);
  /// Calls `action`, which has to be short, while nobody holds it, and returns whether it did; nothing where locks are not
  /// supported.
  static std::optional<bool> when_free(const std::string& path, const std::function<void()>& action);
  /// Whether the file system of this file has locks. Only one that says so itself has none.
  static bool supported(const std::string& path);
};

/// Let the process open as many files as the system allows it to. Returns how many.
std::size_t raise_open_files();

}  // namespace kvcache::detail

// A new file that appears under its name complete or not at all.
#pragma once

#include <string>

#include "platform/file.h"

namespace kvcache::detail {

struct OutputOptions {
  bool overwrite = false;         ///< replace an existing file; otherwise Error(usage) when there is one
  bool private_mode = true;       ///< permissions 0600, else 0666, both masked by umask
  std::string keep_mode_of = {};  ///< instead: owner and permissions of this file
};

/// Where possible the file has no name at all until it is complete (O_TMPFILE), so that not even SIGKILL leaves something
/// behind; else a hidden one in the same folder.
class OutputFile {
 public:
  /// A symbolic link is followed. Throws Error(usage) for a directory or special file, and for an existing file unless it may
  /// be overwritten; Error(io) when it cannot be created.
  OutputFile(const std::string& path, const OutputOptions& options);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  /// Removes what was not committed.
  ~OutputFile();

  [[nodiscard]] const File& file() const noexcept { return file_; }

  /// Flush the data, give the file its name, flush the folder. Throws Error(io), and Error(usage) when somebody else has
  /// created the target meanwhile. When it throws, the target is what it was, with one exception: a folder that cannot be
  /// flushed after an existing file was replaced.
  void commit();

 private:
  void create(const OutputOptions& options);
  void keep_mode_of(const std::string& path);
  void publish_nameless();
  void publish_hidden();
  int move_to_new_target();
  void sync_folder() const;
  [[noreturn]] void fail(int error) const;
  [[noreturn]] void fail_exists() const;

  std::string shown_;   // the path as the user gave it, quoted
  std::string target_;  // with symbolic links followed
  std::string folder_;
  std::string name_;
  std::string hidden_;  // path of the temporary file while it has one
  bool overwrite_;
  bool replaces_ = false;  // there was a file to overwrite
  bool nameless_ = false;
  File file_;
};

/// Make the names in a folder durable: a power failure could lose them, and with them the files. 0, or -1 with errno.
[[nodiscard]] int sync_folder(const std::string& path);

}  // namespace kvcache::detail

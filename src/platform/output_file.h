// A new file that appears under its name complete or not at all.
#pragma once

#include <string>

#include "kvcache/byte_sink.h"
#include "platform/file.h"

namespace kvcache::detail {

/// What file_sink() makes. Where possible the file has no name at all until it is complete (O_TMPFILE), so that not even
/// SIGKILL leaves something behind; else a hidden one in the same folder.
class OutputFile final : public ByteSink {
 public:
  OutputFile(const std::string& path, const FileSinkOptions& options);
  ~OutputFile() override;

  [[nodiscard]] std::string label() const override { return path_; }
  void reserve(std::uint64_t size) override { file_.preallocate(size); }
  void write_at(std::uint64_t offset, std::span<const std::byte> data) override { file_.pwrite_all(offset, data); }
  void complete(ByteRange range) override {
    if (durable_) file_.start_writeback(range.offset, range.size);
  }
  /// flush(), give_name(), then flush the folder.
  void commit() override;
  /// The first step of commit(), for who makes several files at once: the data become durable. Throws Error(io).
  void flush();
  /// The second one, without which nothing is seen of the file; its name is durable when its folder is flushed. Throws
  /// Error(io), and Error(usage) when somebody else has created the target meanwhile.
  void give_name();
  /// Whether others see it in its folder until then, under another name.
  [[nodiscard]] bool has_hidden_name() const noexcept { return !hidden_.empty(); }
  /// Where it is, links followed: the folder that the third step flushes.
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  void abort() noexcept override;
  [[nodiscard]] int descriptor() const noexcept override { return file_.descriptor(); }

 private:
  void create(const FileSinkOptions& options);
  void remove_hidden() noexcept;
  void keep_mode_of(const std::string& path);
  void publish_nameless();
  void publish_hidden();
  int move_to_new_target();
  [[noreturn]] void fail(int error) const;
  [[noreturn]] void fail_exists() const;

  std::string path_;    // as the user gave it
  std::string shown_;   // the same, quoted
  std::string target_;  // with symbolic links followed
  std::string folder_;
  std::string name_;
  std::string hidden_;  // path of the temporary file while it has one
  bool overwrite_;
  bool durable_;
  bool replaces_ = false;  // there was a file to overwrite
  bool nameless_ = false;
  File file_;
};

/// Make the names in a folder durable: a power failure could lose them, and with them the files. 0, or -1 with errno.
[[nodiscard]] int sync_folder(const std::string& path);

}  // namespace kvcache::detail

// Where files are written to: a file, memory, or whatever a program has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "kvcache/byte_source.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Something that bytes are put into at absolute offsets, all of them, and that shows them whole or not at all. First
/// reserve(), once or never; then write_at(); in the end either commit(), once, or abort(). A sink that is destroyed before has
/// aborted.
class ByteSink {
 public:
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual ~ByteSink() = default;
  /// What a reader of messages knows it by: a path, an address, "memory".
  [[nodiscard]] virtual std::string label() const = 0;
  /// So many bytes will be written. Throws Error(io) where there is certainly no room for them.
  virtual void reserve(std::uint64_t size) = 0;
  /// Called from several threads at once, for ranges that do not overlap and in any order. Throws Error(io).
  virtual void write_at(std::uint64_t offset, std::span<const std::byte> data) = 0;
  /// A hint: this range is written, and nothing of it will be again. For sinks that can begin to store or to send it.
  virtual void complete(ByteRange range);
  /// Make durable what was written and show it. Throws Error(io), Error(usage) for a name that is taken; the caller aborts
  /// then.
  virtual void commit() = 0;
  /// Leave nothing behind. Also twice, and after a commit() that threw, of which as much is undone as can be.
  virtual void abort() noexcept = 0;
  /// File descriptor for in-kernel copies, whose offsets are those of this sink, or -1. Owned by the sink.
  [[nodiscard]] virtual int descriptor() const noexcept { return -1; }
};

/// How a file is made.
struct FileSinkOptions {
  bool overwrite = false;         ///< replace an existing file; otherwise Error(usage) when there is one
  bool private_mode = true;       ///< permissions 0600, else 0666, both masked by umask
  std::string keep_mode_of = {};  ///< instead: owner and permissions of this file
  /// commit() waits until the file and its name are on the disk. Otherwise the system writes them when it likes, and a power
  /// cut until then (a crash of this program does not count) may leave a file with a part of its data.
  bool durable = true;
};

/// A file that appears under its name complete or not at all: nameless until then where the file system can do that, else a
/// hidden one in the same folder. A symbolic link is followed. Throws Error(usage) for a folder or special file, and for an
/// existing file unless it may be overwritten; Error(io) when it cannot be made. When commit() throws, the target is what it
/// was, with one exception: a folder that cannot be flushed after an existing file was replaced.
[[nodiscard]] std::unique_ptr<ByteSink> file_sink(const std::string& path, const FileSinkOptions& options = {});

/// What takes bytes in order and once, as a pipe does, through a descriptor of the caller's (1 is standard output), which stays
/// open. It gets them when commit() has all of them, in an unlinked temporary file until then, so that only its own errors can
/// leave it with a part. Throws Error(io) when there can be no temporary file. `label`: what messages call it.
[[nodiscard]] std::unique_ptr<ByteSink> stream_sink(int descriptor, std::string label);

/// Memory, which grows as it has to; reserve() saves that.
class MemorySink final : public ByteSink {
 public:
  explicit MemorySink(std::string label = "memory");  ///< nothing in it
  [[nodiscard]] std::string label() const override { return label_; }
  void reserve(std::uint64_t size) override;
  void write_at(std::uint64_t offset, std::span<const std::byte> data) override;
  void commit() override;
  void abort() noexcept override;
  /// What was committed, which is then no longer here. Throws Error(usage) where nothing was.
  [[nodiscard]] std::vector<std::byte> take();

 private:
  std::string label_;
  std::shared_mutex mutex_;  // shared: to fill in bytes; alone: to move them
  std::vector<std::byte> bytes_;
  bool committed_ = false;
};

}  // namespace kvcache

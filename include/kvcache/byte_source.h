// Where bytes are read from: a file, memory, or whatever a program has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace [[gnu::visibility("default")]] kvcache {

/// Bytes [offset, offset + size) of a source or a sink.
struct ByteRange {
  std::uint64_t offset = 0;  ///< of the first
  std::uint64_t size = 0;    ///< how many
};

/// Something with bytes at absolute offsets. Its size and its bytes stay what they are while it lives. Implementations are safe
/// for concurrent readers.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;
  /// What a reader of messages knows it by: a path, an address, "memory".
  [[nodiscard]] virtual std::string label() const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;  ///< bytes
  /// Fill `out` from `offset`. Throws Error(io, code KV100) on a read error, also when the source has become shorter than
  /// size().
  virtual void read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  /// A hint: these bytes will be asked for soon, more or less in this order, in smaller parts and from several threads. For
  /// sources that answer slowly and can fetch ahead; what to do about it, and with how much memory, is theirs to decide.
  virtual void will_need(std::span<const ByteRange> ranges) const;
  /// File descriptor for in-kernel copies, whose offsets are those of this source, or -1. Owned by the source.
  [[nodiscard]] virtual int descriptor() const noexcept { return -1; }
};

/// Bytes that are in memory already.
[[nodiscard]] std::shared_ptr<const ByteSource> memory_source(std::vector<std::byte> bytes, std::string label = "memory");

/// An open regular file; its label is the path. Never blocks and never opens a FIFO, a device, a socket or a folder. Throws
/// Error(io, code KV100).
[[nodiscard]] std::shared_ptr<const ByteSource> file_source(const std::string& path);

}  // namespace kvcache

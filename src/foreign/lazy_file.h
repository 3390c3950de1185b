// Files whose data are read when they are asked for, and that are not held open until then: a prompt in blocks is more files
// than a process may have open.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kvcache/byte_source.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign {

/// A file that was seen once. Opened again for reading, and closed when many others were read since. Reading throws Error(io,
/// code KV100) where it has become another file meanwhile, or none.
[[nodiscard]] std::shared_ptr<const ByteSource> reopened_source(const std::string& path);

/// A safetensors file of which the header is in memory.
class LazyFile {
 public:
  /// Throws what SafetensorsFile::open() throws, and Error(unreadable) for a compressed file: no server writes one.
  static LazyFile open(const std::string& path);
  /// A part of another file, as an archive holds it.
  static LazyFile open(std::shared_ptr<const ByteSource> source);

  [[nodiscard]] const Header& header() const noexcept { return header_; }
  [[nodiscard]] Tensor tensor(const TensorEntry& entry) const;

 private:
  LazyFile(Header header, std::shared_ptr<const ByteSource> source) : header_(std::move(header)), source_(std::move(source)) {}
  Header header_;
  std::shared_ptr<const ByteSource> source_;
};

/// What a file that may be damaged says of itself. Nothing where it cannot be read, or has no header.
[[nodiscard]] std::optional<Header> header_of_damaged(const std::string& path);

/// Bytes [range.offset, range.offset + range.size) of another source.
[[nodiscard]] std::shared_ptr<const ByteSource> part_of(std::shared_ptr<const ByteSource> source, ByteRange range,
                                                        std::string label);

}  // namespace kvcache::foreign

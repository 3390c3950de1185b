// Input in order: what comes only once, a source from its beginning, and what gzip expands to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kvcache/byte_source.h"
#include "platform/file.h"

namespace kvcache::detail {

class InputStream {
 public:
  InputStream() = default;
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;
  virtual ~InputStream() = default;
  /// Up to out.size() bytes, at least one unless at the end: 0.
  [[nodiscard]] virtual std::size_t read(std::span<std::byte> out) = 0;
};

/// The bytes of a file that come once, as they are: a pipe. They can be looked at before they are read.
class RawStream final : public InputStream {
 public:
  explicit RawStream(const File& file) : file_(file) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;
  /// Whether it begins with the magic of gzip. Only before the first read().
  [[nodiscard]] bool begins_with_gzip();
  /// Bytes taken from the file.
  [[nodiscard]] std::uint64_t consumed() const noexcept { return consumed_; }

 private:
  const File& file_;
  std::vector<std::byte> ahead_;
  std::uint64_t consumed_ = 0;
};

/// The bytes of a source from the first to the last.
class SourceStream final : public InputStream {
 public:
  explicit SourceStream(const ByteSource& source) : source_(source), size_(source.size()) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> out) override;

 private:
  const ByteSource& source_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

/// Whether a source begins with the magic of gzip.
[[nodiscard]] bool begins_with_gzip(const ByteSource& source);

/// What a gzip stream expands to; several members are one stream. `at_once`: bytes of it that are read together. Throws
/// Error(unreadable, code KV130) where it is damaged.
[[nodiscard]] std::unique_ptr<InputStream> gunzip(InputStream& input, std::size_t at_once = 128U << 10U);

}  // namespace kvcache::detail

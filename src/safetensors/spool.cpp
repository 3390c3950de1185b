#include "safetensors/spool.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "platform/file_source.h"
#include "platform/stop.h"
#include "safetensors/defect.h"
#include "safetensors/file_kind.h"
#include "safetensors/parse_header.h"

namespace kvcache::detail {
namespace {

// The part of a temporary file that is there already.
class PartOfFile final : public ByteSource {
 public:
  PartOfFile(const File& file, std::uint64_t size) : file_(file), size_(size) {}
  [[nodiscard]] std::string label() const override { return file_.label(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override { file_.pread_all(offset, out); }

 private:
  const File& file_;
  std::uint64_t size_;
};

// How far to read: first to the length field, then to the end of the header, then a little beyond the last tensor.
class Limit {
 public:
  /// Called when `have` bytes are in the file. Throws for a broken header and when there is too much.
  void check(const File& file, std::uint64_t have, bool gzip) {
    if (header_bytes_ == 0 && have >= length_field_bytes) {
      std::array<std::byte, length_field_bytes> field{};
      file.pread_all(0, field);
      header_bytes_ = parse_length(field);
    }
    if (header_bytes_ == 0 || have < length_field_bytes + header_bytes_) return;
    if (!known_) {
      const std::uint64_t data = end_of_data(PartOfFile(file, have), header_bytes_);
      const std::uint64_t begin = length_field_bytes + header_bytes_ + slack;
      limit_ =
          data > std::numeric_limits<std::uint64_t>::max() - begin ? std::numeric_limits<std::uint64_t>::max() : begin + data;
      known_ = true;
    }
    if (have <= limit_) return;
    const std::string message =
        fmt::format("more than {} MiB follow the {} bytes that the header asks for", slack >> 20U, limit_ - slack);
    if (gzip) throw_defect({"KV131", message, {}, "decompress it yourself if that is intended"});
    throw Error(ErrorKind::io, "it does not end: " + message, {}, "KV100");
  }

 private:
  // Trailing bytes are a warning (KV120), so some have to be let through to be reported.
  static constexpr std::uint64_t slack = 16U << 20U;

  std::uint64_t header_bytes_ = 0;
  bool known_ = false;
  std::uint64_t limit_ = 0;
};

/// The first bytes of what `size` bytes are spooled of. A pipe may have delivered a few only.
std::string start_of(const File& file, InputStream& input, std::uint64_t size) {
  std::string start(file_kind_bytes, '\0');
  const auto bytes = std::as_writable_bytes(std::span(start));
  std::size_t have = std::min<std::uint64_t>(size, start.size());
  file.pread_all(0, bytes.first(have));
  while (have < start.size()) {
    const std::size_t n = input.read(bytes.subspan(have));
    if (n == 0) break;
    have += n;
  }
  start.resize(have);
  return start;
}

}  // namespace

std::shared_ptr<const ByteSource> spool(InputStream& input, bool gzip) {
  File file = File::temporary();
  std::vector<std::byte> buffer(256U << 10U);
  Limit limit;
  std::uint64_t size = 0;
  while (const std::size_t n = input.read(buffer)) {
    throw_if_stopped();
    file.pwrite_all(size, std::span(buffer).first(n));
    size += n;
    try {
      limit.check(file, size, gzip);
    } catch (const Error& error) {
      throw_naming_kind(error, start_of(file, input, size));
    }
  }
  return std::make_shared<FileSource>(std::move(file), size);
}

}  // namespace kvcache::detail

#include "safetensors/open_header.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "kvcache/error.h"
#include "platform/file_source.h"
#include "safetensors/input_stream.h"
#include "safetensors/parse_header.h"
#include "safetensors/spool.h"

namespace kvcache::detail {
namespace {

/// A compressed file of which the start is decompressed, and all of it once more of it is read.
class CompressedSource final : public ByteSource {
 public:
  CompressedSource(std::shared_ptr<const ByteSource> raw, std::vector<std::byte> start, std::uint64_t size)
      : raw_(std::move(raw)), start_(std::move(start)), size_(size) {}
  [[nodiscard]] std::string label() const override { return raw_->label(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset <= start_.size() && out.size() <= start_.size() - offset) {
      std::copy_n(start_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
      return;
    }
    const std::lock_guard lock(mutex_);
    if (!all_) {
      SourceStream stream(*raw_);
      all_ = spool(*gunzip(stream), true);
    }
    all_->read_at(offset, out);
  }

 private:
  const std::shared_ptr<const ByteSource> raw_;
  const std::vector<std::byte> start_;
  const std::uint64_t size_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const ByteSource> all_;
};

/// Grows `out` to `size` bytes, or to as many as there are.
bool read_up_to(InputStream& input, std::uint64_t size, std::vector<std::byte>& out) {
  // In steps: the size is what a damaged file claims.
  constexpr std::uint64_t step = 1U << 20U;
  while (out.size() < size) {
    const std::size_t have = out.size();
    out.resize(have + std::min<std::uint64_t>(step, size - have));
    const std::size_t n = input.read(std::span(out).subspan(have));
    out.resize(have + n);
    if (n == 0) return false;
  }
  return true;
}

/// What gzip writes last: how many bytes it has compressed, modulo 2^32.
std::uint64_t bytes_at_end(const ByteSource& raw) {
  std::array<std::byte, 4> field{};
  if (raw.size() < field.size()) return 0;
  raw.read_at(raw.size() - field.size(), field);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < field.size(); ++i) bytes |= std::to_integer<std::uint64_t>(field[i]) << (8 * i);
  return bytes;
}

/// The source of a sound compressed file, or nothing: then all of it has to be looked at to say what is wrong.
std::shared_ptr<const ByteSource> start_of(const std::shared_ptr<const ByteSource>& raw) {
  constexpr std::size_t at_once = 16U << 10U;
  try {
    SourceStream stream(*raw);
    const auto input = gunzip(stream, at_once);
    std::vector<std::byte> start;
    if (!read_up_to(*input, length_field_bytes, start)) return nullptr;
    std::array<std::byte, length_field_bytes> field{};
    std::ranges::copy(start, field.begin());
    const std::uint64_t header_bytes = parse_length(field);
    if (!read_up_to(*input, length_field_bytes + header_bytes, start)) return nullptr;
    const std::uint64_t begin = start.size();
    const auto known = memory_source(std::vector(start));
    const std::uint64_t size = begin + end_of_data(*known, header_bytes);
    // A file of several members, one that goes on behind its arrays, one that is cut off: each ends in another number.
    if (size < begin || bytes_at_end(*raw) != (size & 0xFFFFFFFFU)) return nullptr;
    return std::make_shared<CompressedSource>(raw, std::move(start), size);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreadable) throw;
    return nullptr;
  }
}

}  // namespace

struct HeaderOnly {
  static SafetensorsFile open(std::shared_ptr<const ByteSource> source, const std::string& path) {
    return SafetensorsFile::open(std::move(source), path, start_of);
  }
};

SafetensorsFile open_header(const std::string& path, bool is_regular, std::optional<FileTimes>& times) {
  File file;
  try {
    file = File::open_input(path, is_regular);
  } catch (const Error&) {
    std::error_code error;
    if (std::filesystem::is_fifo(path, error)) return SafetensorsFile::open(path);
    throw;
  }
  times = file.times_when_opened();
  return HeaderOnly::open(std::make_shared<FileSource>(std::move(file), times->size), path);
}

}  // namespace kvcache::detail

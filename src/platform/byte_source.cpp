#include "kvcache/byte_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kvcache/error.h"
#include "platform/file_source.h"

namespace kvcache {
namespace {

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::vector<std::byte> bytes, std::string label) : bytes_(std::move(bytes)), label_(std::move(label)) {}
  [[nodiscard]] std::string label() const override { return label_; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      throw Error(ErrorKind::io,
                  fmt::format("{} bytes at {} reach past the end of {} bytes in memory", out.size(), offset, bytes_.size()), {},
                  "KV100");
    }
    std::copy_n(bytes_.data() + offset, out.size(), out.data());
  }

 private:
  std::vector<std::byte> bytes_;
  std::string label_;
};

}  // namespace

void ByteSource::will_need(std::span<const ByteRange> /*ranges*/) const {}

std::shared_ptr<const ByteSource> memory_source(std::vector<std::byte> bytes, std::string label) {
  return std::make_shared<MemorySource>(std::move(bytes), std::move(label));
}

std::shared_ptr<const ByteSource> file_source(const std::string& path) {
  detail::File file = detail::File::open_input(path);
  const std::uint64_t size = file.size_when_opened();
  return std::make_shared<detail::FileSource>(std::move(file), size);
}

}  // namespace kvcache

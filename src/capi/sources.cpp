#include "capi/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "capi/call.h"
#include "kvcache/printable.h"

namespace kvcache::capi {
namespace {

class BorrowedSource final : public ByteSource {
 public:
  BorrowedSource(const void* bytes, std::size_t size, std::string label)
      : bytes_(static_cast<const std::byte*>(bytes), size), label_(std::move(label)) {}
  [[nodiscard]] std::string label() const override { return label_; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset)
      throw Error(ErrorKind::io, "read beyond the end", {}, "KV100");
    std::ranges::copy(bytes_.subspan(offset, out.size()), out.begin());
  }

 private:
  std::span<const std::byte> bytes_;
  std::string label_;
};

class ProgramSource final : public ByteSource {
 public:
  ProgramSource(const kvcache_source& source, std::string label) : source_(source), label_(std::move(label)) {}
  ~ProgramSource() override {
    if (source_.release != nullptr) source_.release(source_.context);
  }
  ProgramSource(const ProgramSource&) = delete;
  ProgramSource& operator=(const ProgramSource&) = delete;
  [[nodiscard]] std::string label() const override { return label_; }
  [[nodiscard]] std::uint64_t size() const override { return source_.size; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (out.empty()) return;
    if (offset > source_.size || out.size() > source_.size - offset)
      throw Error(ErrorKind::io, "read beyond the end", {}, "KV100");
    if (const std::int32_t failed = source_.read_at(source_.context, offset, out.data(), out.size()); failed != 0)
      throw Error(ErrorKind::io, fmt::format("cannot be read: read_at() failed with {} at byte {}", failed, offset), {},
                  "KV100");
  }

 private:
  kvcache_source source_;
  std::string label_;
};

class UnwrittenSource final : public ByteSource {
 public:
  UnwrittenSource(Encoded encoded, std::string label, std::shared_ptr<const void> hold)
      : hold_(std::move(hold)),
        tensors_(std::move(encoded.tensors)),
        header_(render_header(tensors_, encoded.metadata)),
        label_(std::move(label)) {
    std::uint64_t end = header_.size();
    for (const NamedTensor& named : tensors_) {
      begins_.push_back(end);
      end += named.tensor.nbytes();
    }
    begins_.push_back(end);
  }
  [[nodiscard]] std::string label() const override { return label_; }
  [[nodiscard]] std::uint64_t size() const override { return begins_.back(); }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size() || out.size() > size() - offset) throw Error(ErrorKind::io, "read beyond the end", {}, "KV100");
    if (offset < header_.size()) {
      const std::size_t n = std::min<std::size_t>(out.size(), header_.size() - offset);
      std::memcpy(out.data(), header_.data() + offset, n);
      offset += n;
      out = out.subspan(n);
    }
    // The last that begins at or before `offset`: those before it with the same begin are empty.
    auto at = static_cast<std::size_t>(std::ranges::upper_bound(begins_, offset) - begins_.begin());
    for (at = at == 0 ? 0 : at - 1; !out.empty(); ++at) {
      const std::uint64_t within = offset - begins_[at];
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), begins_[at + 1] - offset));
      if (n != 0) tensors_[at].tensor.read(within, out.first(n));
      offset += n;
      out = out.subspan(n);
    }
  }

 private:
  std::shared_ptr<const void> hold_;
  std::vector<NamedTensor> tensors_;
  std::string header_;
  std::vector<std::uint64_t> begins_;  // of each tensor, and the end
  std::string label_;
};

}  // namespace

std::shared_ptr<const ByteSource> borrowed_source(const void* bytes, std::size_t size, std::string label) {
  if (bytes == nullptr && size != 0) throw Error(ErrorKind::usage, "bytes is NULL");
  return std::make_shared<BorrowedSource>(bytes, size, std::move(label));
}

std::shared_ptr<const ByteSource> program_source(const kvcache_source* source) {
  // What takes the context, takes it first: from here on it is released whatever happens.
  struct Release {
    kvcache_source source;
    ~Release() {
      if (source.release != nullptr) source.release(source.context);
    }
  } held{given(&wanted(source, "source"), "source")};
  if (held.source.read_at == nullptr) throw Error(ErrorKind::usage, "source.read_at is NULL");
  std::string label = held.source.label == nullptr ? "source" : held.source.label;
  auto out = std::make_shared<const ProgramSource>(held.source, std::move(label));
  held.source.release = nullptr;
  return out;
}

std::shared_ptr<const ByteSource> unwritten_source(Encoded encoded, std::string label, std::shared_ptr<const void> hold) {
  return std::make_shared<UnwrittenSource>(std::move(encoded), std::move(label), std::move(hold));
}

NamedTensor borrowed_array(const kvcache_named_array& array) {
  std::string name = text(array.name, "name");
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::usage, fmt::format("array '{}': {}", printable(name), why));
  };
  if (array.dtype < KVCACHE_BOOL || array.dtype > KVCACHE_F8_E8M0) refuse(fmt::format("{} is no dtype", array.dtype));
  if (array.rank > max_rank) refuse(fmt::format("{} dimensions are more than {}", array.rank, max_rank));
  if (array.shape == nullptr && array.rank != 0) refuse("shape is NULL");
  const auto dtype = static_cast<Dtype>(array.dtype);
  Shape shape(array.shape, array.shape + array.rank);
  for (const std::int64_t dim : shape)
    if (dim < 0 || dim > max_dim) refuse(fmt::format("shape {} cannot be", to_string(shape)));
  const auto elements = element_count(shape);
  if (!elements || *elements > array.size || *elements * item_size(dtype) != array.size)
    refuse(fmt::format("{} bytes are not shape {} of {}", array.size, to_string(shape), kvcache::name(dtype)));
  Tensor tensor = Tensor::stored(borrowed_source(array.bytes, array.size, name), 0, dtype, std::move(shape));
  return {std::move(name), std::move(tensor)};
}

}  // namespace kvcache::capi

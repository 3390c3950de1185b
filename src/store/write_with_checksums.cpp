#include "store/write_with_checksums.h"

#include <zlib.h>

#include <algorithm>
#include <mutex>
#include <span>
#include <utility>

#include "kvcache/error.h"
#include "stamp/crc32.h"

namespace kvcache::store::detail {
namespace {

using Sums = std::map<std::string, std::uint32_t>;

/// Passes on what is written, but for the header, and sums it up by arrays. Without a descriptor, as what the kernel copies is
/// not seen here.
class Summing final : public ByteSink {
 public:
  Summing(ByteSink& out, std::uint64_t header_bytes, const std::vector<NamedTensor>& tensors,
          const std::function<std::string(Sums)>& header)
      : out_(out), header_bytes_(header_bytes), tensors_(tensors), header_(header) {
    std::uint64_t position = header_bytes;
    for (const NamedTensor& named : tensors) ends_.push_back(position += named.tensor.nbytes());
  }

  [[nodiscard]] std::string label() const override { return out_.label(); }
  void reserve(std::uint64_t size) override { out_.reserve(size); }
  void complete(ByteRange range) override { out_.complete(range); }
  void abort() noexcept override { out_.abort(); }

  void write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (offset < header_bytes_) return;
    sum_up(offset, data);
    out_.write_at(offset, data);
  }

  void commit() override {
    const std::string header = header_(sums());
    if (header.size() != header_bytes_)
      throw Error(ErrorKind::io, "the header of an object has not the size that it was to have");
    out_.write_at(0, std::as_bytes(std::span(header)));
    out_.commit();
  }

 private:
  struct Part {
    std::uint64_t bytes;
    std::uint32_t crc;
  };

  void sum_up(std::uint64_t offset, std::span<const std::byte> data) {
    auto end = std::ranges::upper_bound(ends_, offset);
    while (!data.empty() && end != ends_.end()) {
      const auto part = data.first(std::min<std::uint64_t>(data.size(), *end - offset));
      const Part sum{part.size(), kvcache::detail::crc32_after(0, part)};
      {
        const std::lock_guard lock(mutex_);
        parts_.emplace(offset, sum);
      }
      offset += part.size();
      data = data.subspan(part.size());
      if (offset == *end) ++end;
      while (end != ends_.end() && *end == offset) ++end;  // arrays without elements
    }
  }

  [[nodiscard]] Sums sums() const {
    Sums out;
    auto part = parts_.begin();
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      uLong crc = 0;
      for (; part != parts_.end() && part->first < ends_[i]; ++part)
        crc = crc32_combine(crc, part->second.crc, static_cast<z_off_t>(part->second.bytes));
      out.insert_or_assign(tensors_[i].key, static_cast<std::uint32_t>(crc));
    }
    return out;
  }

  ByteSink& out_;
  std::uint64_t header_bytes_;
  const std::vector<NamedTensor>& tensors_;
  const std::function<std::string(Sums)>& header_;
  std::vector<std::uint64_t> ends_;  // of the arrays, in the file
  std::mutex mutex_;
  std::map<std::uint64_t, Part> parts_;  // by their offsets
};

}  // namespace

std::uint64_t write_with_checksums(ByteSink& out, const std::vector<NamedTensor>& tensors, const WriteOptions& how,
                                   const std::function<Metadata(Sums)>& metadata) {
  Sums zeros;
  for (const NamedTensor& named : tensors) zeros.insert_or_assign(named.key, 0);
  const Metadata first = metadata(std::move(zeros));
  const std::function<std::string(Sums)> header = [&](Sums sums) { return render_header(tensors, metadata(std::move(sums))); };
  Summing summing(out, render_header(tensors, first).size(), tensors, header);
  return write_safetensors(summing, tensors, first, how);
}

}  // namespace kvcache::store::detail

#include "remote/remote_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "kvcache/error.h"

namespace kvcache::remote {

RemoteSource::RemoteSource(std::shared_ptr<void> owner, std::unique_ptr<RemoteFile> file, std::string label)
    : owner_(std::move(owner)), file_(std::move(file)), label_(std::move(label)) {
  ahead_ = std::make_unique<ReadAhead>(
      [file = file_.get()](std::uint64_t offset, std::span<std::byte> out, const std::atomic<bool>& cancelled) {
        file->read(offset, out, cancelled);
      },
      file_->head().size(), file_->size());
}

void RemoteSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > size() || out.size() > size() - offset)
    throw Error(ErrorKind::io, fmt::format("{} bytes at {} reach past the end of {}", out.size(), offset, size()), {}, "KV100");
  const std::span<const std::byte> head = file_->head();
  if (offset < head.size()) {
    const std::size_t n = std::min<std::uint64_t>(out.size(), head.size() - offset);
    std::copy_n(head.begin() + static_cast<std::ptrdiff_t>(offset), n, out.begin());
    offset += n;
    out = out.subspan(n);
  }
  if (!out.empty()) ahead_->read(offset, out);
}

void RemoteSource::will_need(std::span<const ByteRange> ranges) const {
  ahead_->plan(ranges);
}

}  // namespace kvcache::remote

// What lies elsewhere as a ByteSource.
#pragma once

#include <memory>
#include <string>

#include "kvcache/byte_source.h"
#include "remote/read_ahead.h"
#include "remote/remote_file.h"

namespace kvcache::remote {

class RemoteSource final : public ByteSource {
 public:
  /// `owner`: what the file's requests need, kept as long as this.
  RemoteSource(std::shared_ptr<void> owner, std::unique_ptr<RemoteFile> file, std::string label);

  [[nodiscard]] std::string label() const override { return label_; }
  [[nodiscard]] std::uint64_t size() const override { return file_->size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  void will_need(std::span<const ByteRange> ranges) const override;

 private:
  std::shared_ptr<void> owner_;
  std::unique_ptr<RemoteFile> file_;
  std::string label_;
  std::unique_ptr<ReadAhead> ahead_;
};

}  // namespace kvcache::remote

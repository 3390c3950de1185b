// An open file as a ByteSource: what tensors of a file stand on.
#pragma once

#include "kvcache/tensor.h"
#include "platform/file.h"

namespace kvcache::detail {

class FileSource final : public ByteSource {
 public:
  FileSource(File file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override { file_.pread_all(offset, out); }
  [[nodiscard]] int descriptor() const noexcept override { return file_.descriptor(); }

 private:
  File file_;
  std::uint64_t size_;
};

}  // namespace kvcache::detail

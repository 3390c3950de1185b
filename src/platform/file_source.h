// An open file as a ByteSource: what tensors of a file stand on.
#pragma once

#include <utility>

#include "kvcache/byte_source.h"
#include "platform/file.h"

namespace kvcache::detail {

/// What a file is asked for it is asked for in order, and systems read ahead by themselves: hints are not passed on.
class FileSource final : public ByteSource {
 public:
  FileSource(File file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  [[nodiscard]] std::string label() const override { return file_.label(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override { file_.pread_all(offset, out); }
  [[nodiscard]] int descriptor() const noexcept override { return file_.descriptor(); }

 private:
  File file_;
  std::uint64_t size_;
};

}  // namespace kvcache::detail

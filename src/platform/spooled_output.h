// What stream_sink() makes: output that can only be given in order, and once.
#pragma once

#include <string>
#include <utility>

#include "kvcache/byte_sink.h"
#include "platform/file.h"

namespace kvcache::detail {

/// Keeps what is written in an unlinked temporary file. commit() sends it, once all of it is there, so that only errors of the
/// target itself can leave that with a part.
class SpooledOutput final : public ByteSink {
 public:
  explicit SpooledOutput(File to) : to_(std::move(to)), file_(File::temporary()) {}

  [[nodiscard]] std::string label() const override { return to_.label(); }
  void reserve(std::uint64_t size) override { file_.preallocate(size); }
  void write_at(std::uint64_t offset, std::span<const std::byte> data) override { file_.pwrite_all(offset, data); }
  void commit() override;
  void abort() noexcept override { file_ = File(); }
  [[nodiscard]] int descriptor() const noexcept override { return file_.descriptor(); }

 private:
  File to_;
  File file_;
};

}  // namespace kvcache::detail

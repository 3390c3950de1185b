#include "kvcache/byte_sink.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "kvcache/error.h"
#include "platform/output_file.h"
#include "platform/spooled_output.h"

namespace kvcache {

void ByteSink::complete(ByteRange /*range*/) {}

std::unique_ptr<ByteSink> file_sink(const std::string& path, const FileSinkOptions& options) {
  return std::make_unique<detail::OutputFile>(path, options);
}

std::unique_ptr<ByteSink> stream_sink(int descriptor, std::string label) {
  return std::make_unique<detail::SpooledOutput>(detail::File::borrowed(descriptor, std::move(label)));
}

MemorySink::MemorySink(std::string label) : label_(std::move(label)) {}

void MemorySink::reserve(std::uint64_t size) {
  const std::unique_lock lock(mutex_);
  bytes_.reserve(size);
}

void MemorySink::write_at(std::uint64_t offset, std::span<const std::byte> data) {
  if (data.empty()) return;
  const std::uint64_t end = offset + data.size();
  std::shared_lock shared(mutex_);
  if (end > bytes_.size()) {
    shared.unlock();
    {
      const std::unique_lock alone(mutex_);
      if (end > bytes_.size()) bytes_.resize(end);
    }
    shared.lock();
  }
  std::ranges::copy(data, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
}

void MemorySink::commit() {
  committed_ = true;
}

void MemorySink::abort() noexcept {
  committed_ = false;
  bytes_ = {};
}

std::vector<std::byte> MemorySink::take() {
  if (!std::exchange(committed_, false)) throw Error(ErrorKind::usage, "nothing was committed to " + label_);
  return std::exchange(bytes_, {});
}

}  // namespace kvcache

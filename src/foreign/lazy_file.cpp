#include "foreign/lazy_file.h"

#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "kvcache/error.h"
#include "platform/remove_file.h"
#include "safetensors/damaged_header.h"

namespace kvcache::foreign {
namespace {

/// The files that were read last, open.
class OpenFiles {
 public:
  std::shared_ptr<const ByteSource> get(const void* key, const std::string& path, const detail::FileState& state) {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(key); found != open_.end()) {
      order_.splice(order_.begin(), order_, found->second.place);
      return found->second.source;
    }
    std::shared_ptr<const ByteSource> source = file_source(path);
    if (detail::file_state(path) != state)
      throw Error(ErrorKind::io, "it is another file than a moment ago: it was evicted meanwhile", "try again", "KV100");
    order_.push_front(key);
    open_.emplace(key, Open{source, order_.begin()});
    if (open_.size() > most) {
      open_.erase(order_.back());
      order_.pop_back();
    }
    return source;
  }
  void forget(const void* key) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(key);
    if (found == open_.end()) return;
    order_.erase(found->second.place);
    open_.erase(found);
  }

 private:
  // A system allows 256 to 1024 to a process.
  static constexpr std::size_t most = 64;
  struct Open {
    std::shared_ptr<const ByteSource> source;
    std::list<const void*>::iterator place;
  };
  std::mutex mutex_;
  std::list<const void*> order_;  // the one used last in front
  std::unordered_map<const void*, Open> open_;
};

OpenFiles& open_files() {
  static OpenFiles files;
  return files;
}

class ReopenedSource final : public ByteSource {
 public:
  ReopenedSource(std::string path, const detail::FileState& state) : path_(std::move(path)), state_(state) {}
  ~ReopenedSource() override { open_files().forget(this); }
  ReopenedSource(const ReopenedSource&) = delete;
  ReopenedSource& operator=(const ReopenedSource&) = delete;
  [[nodiscard]] std::string label() const override { return path_; }
  [[nodiscard]] std::uint64_t size() const override { return state_.size; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    open_files().get(this, path_, state_)->read_at(offset, out);
  }

 private:
  std::string path_;
  detail::FileState state_;
};

class PartSource final : public ByteSource {
 public:
  PartSource(std::shared_ptr<const ByteSource> source, ByteRange range, std::string label)
      : source_(std::move(source)), range_(range), label_(std::move(label)) {}
  [[nodiscard]] std::string label() const override { return label_; }
  [[nodiscard]] std::uint64_t size() const override { return range_.size; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > range_.size || out.size() > range_.size - offset)
      throw Error(ErrorKind::io, "read behind the end of a part of a file", {}, "KV100");
    source_->read_at(range_.offset + offset, out);
  }

 private:
  std::shared_ptr<const ByteSource> source_;
  ByteRange range_;
  std::string label_;
};

}  // namespace

std::shared_ptr<const ByteSource> reopened_source(const std::string& path) {
  const std::optional<detail::FileState> state = detail::file_state(path);
  // Says why it cannot be read, and refuses what is a link.
  if (!state) {
    static_cast<void>(file_source(path));
    throw Error(ErrorKind::io, "no regular file", {}, "KV100");
  }
  return std::make_shared<ReopenedSource>(path, *state);
}

LazyFile LazyFile::open(const std::string& path) {
  return open(reopened_source(path));
}

LazyFile LazyFile::open(std::shared_ptr<const ByteSource> source) {
  Header header = parse_header(*source);
  return {std::move(header), std::move(source)};
}

Tensor LazyFile::tensor(const TensorEntry& entry) const {
  return Tensor::stored(source_, header_.data_begin + entry.begin, entry.dtype, entry.shape);
}

std::optional<Header> header_of_damaged(const std::string& path) {
  try {
    return detail::read_damaged_header(*file_source(path));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return std::nullopt;
  }
}

std::shared_ptr<const ByteSource> part_of(std::shared_ptr<const ByteSource> source, ByteRange range, std::string label) {
  return std::make_shared<PartSource>(std::move(source), range, std::move(label));
}

}  // namespace kvcache::foreign

#include "fleet/objects_cached.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "kvcache/error.h"
#include "platform/folder.h"

namespace kvcache::fleet {
namespace {

using kvcache::detail::FolderItem;
using store::Objects;

constexpr std::uint64_t head_bytes = 64U << 10U;  // which are here once an object is opened
constexpr std::uint64_t piece_bytes = 1U << 20U;

/// The folder, and how much is in it.
class Folder {
 public:
  Folder(const std::string& path, std::uint64_t most) : path_(path), most_(most), objects_(store::folder_objects(path, true)) {}

  [[nodiscard]] Objects& objects() const noexcept { return *objects_; }

  /// So many bytes were added.
  void added(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (!measured_) {
      measured_ = true;
      objects_->list([&](const std::string&, std::uint64_t size) { bytes_ += size; });
    } else {
      bytes_ += bytes;
    }
    if (bytes_ > most_) trim();
  }

 private:
  /// The oldest go, until a tenth is free.
  void trim() {
    std::vector<FolderItem> items;
    bytes_ = 0;
    for (int i = 0; i < 256; ++i)
      kvcache::detail::each_file_in(fmt::format("{}/objects/{:02x}", path_, i), [&](const FolderItem& item) {
        bytes_ += item.bytes;
        items.push_back(item);
      });
    std::ranges::stable_sort(items, {}, &FolderItem::changed);
    std::vector<std::string> names;
    for (const FolderItem& item : items) {
      if (bytes_ <= most_ - most_ / 10) break;
      bytes_ -= item.bytes;
      names.push_back(item.name);
    }
    std::erase_if(names, [](const std::string& name) { return name.size() < 66 || name[64] != '.'; });
    objects_->discard(names);
    objects_->sweep();
  }

  std::string path_;
  std::uint64_t most_;
  std::unique_ptr<Objects> objects_;
  std::mutex mutex_;
  bool measured_ = false;
  std::uint64_t bytes_ = 0;
};

/// An object that is brought here when more than its beginning is asked for.
class FetchedSource final : public ByteSource {
 public:
  FetchedSource(std::shared_ptr<const ByteSource> far, std::shared_ptr<Folder> folder, std::string name)
      : far_(std::move(far)), folder_(std::move(folder)), name_(std::move(name)) {}
  [[nodiscard]] std::string label() const override { return far_->label(); }
  [[nodiscard]] std::uint64_t size() const override { return far_->size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset + out.size() <= std::min(head_bytes, size())) return far_->read_at(offset, out);
    fetch();
    (near_ ? near_ : far_)->read_at(offset, out);
  }

 private:
  void fetch() const {
    const std::lock_guard lock(mutex_);
    if (tried_) return;
    bool far_failed = false;
    try {
      const ByteRange all{0, size()};
      far_->will_need({&all, 1});
      folder_->objects().replace(name_, [&](ByteSink& sink) {
        sink.reserve(size());
        std::vector<std::byte> piece(std::min(piece_bytes, size()));
        for (std::uint64_t at = 0; at < size(); at += piece.size()) {
          const std::span<std::byte> part = std::span(piece).first(std::min<std::uint64_t>(piece.size(), size() - at));
          far_failed = true;
          far_->read_at(at, part);
          far_failed = false;
          sink.write_at(at, part);
        }
        sink.commit();
      });
      near_ = folder_->objects().open(name_);
      folder_->added(size());
    } catch (const Error& error) {
      if (far_failed || error.kind() == ErrorKind::interrupted) throw;
      near_.reset();
    }
    tried_ = true;
  }

  std::shared_ptr<const ByteSource> far_;
  std::shared_ptr<Folder> folder_;
  std::string name_;
  mutable std::mutex mutex_;
  mutable bool tried_ = false;
  mutable std::shared_ptr<const ByteSource> near_;
};

class CachedObjects final : public Objects {
 public:
  CachedObjects(std::unique_ptr<Objects> far, const std::string& folder, std::uint64_t most)
      : far_(std::move(far)), folder_(std::make_shared<Folder>(folder, most)) {}

  [[nodiscard]] std::string label() const override { return far_->label(); }
  bool put(const std::string& name, const Writer& write) override { return far_->put(name, write); }
  void replace(const std::string& name, const Writer& write) override { far_->replace(name, write); }

  [[nodiscard]] std::shared_ptr<const ByteSource> open(const std::string& name) const override {
    std::shared_ptr<const ByteSource> far = far_->open(name);
    if (far->size() <= head_bytes) return far;  // it is here
    try {
      const auto size = folder_->objects().size(name);
      if (size == far->size()) {
        std::shared_ptr<const ByteSource> near = folder_->objects().open(name);
        if (same_head(*far, *near)) return near;
      }
    } catch (const Error& error) {  // what is wrong with the cache is no reason to fail
      if (error.kind() == ErrorKind::interrupted) throw;
    }
    return std::make_shared<FetchedSource>(std::move(far), folder_, name);
  }

  [[nodiscard]] std::optional<std::uint64_t> size(const std::string& name) const override { return far_->size(name); }
  void discard(std::span<const std::string> names) override {
    far_->discard(names);
    forget(names);
  }
  std::uint64_t sweep() override {
    folder_->objects().sweep();
    return far_->sweep();
  }
  std::uint64_t purge() override {
    folder_->objects().sweep();
    return far_->purge();
  }
  [[nodiscard]] std::shared_ptr<void> hold() const override { return folder_->objects().hold(); }
  void list(const std::function<void(const std::string& name, std::uint64_t bytes)>& found) const override {
    far_->list(found);
  }
  [[nodiscard]] std::vector<std::string> strangers() const override { return far_->strangers(); }
  void clean() override {
    far_->clean();
    folder_->objects().clean();
  }
  [[nodiscard]] std::optional<std::pair<std::uint64_t, std::uint64_t>> space() const override { return far_->space(); }

 private:
  void forget(std::span<const std::string> names) {
    try {
      folder_->objects().discard(names);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is looked at again before it is used
    }
  }

  static bool same_head(const ByteSource& far, const ByteSource& near) {
    std::vector<std::byte> a(std::min(head_bytes, far.size()));
    std::vector<std::byte> b(a.size());
    far.read_at(0, a);
    near.read_at(0, b);
    return a == b;
  }

  std::unique_ptr<Objects> far_;
  std::shared_ptr<Folder> folder_;
};

}  // namespace

std::unique_ptr<Objects> cached_objects(std::unique_ptr<Objects> far, const std::string& folder, std::uint64_t most) {
  return std::make_unique<CachedObjects>(std::move(far), folder, most);
}

}  // namespace kvcache::fleet

// Objects as files of a folder: objects/ab/NAME, complete and durable from the moment they have that name.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "common/hex.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/store/objects.h"
#include "platform/file.h"
#include "platform/folder.h"
#include "platform/output_file.h"
#include "tensor/parallel.h"

namespace kvcache::store {
namespace {

using kvcache::detail::File;
using kvcache::detail::FileIdentity;
using kvcache::detail::FolderItem;
using kvcache::detail::OutputFile;

constexpr std::int64_t abandoned_after = 3600;  // seconds

std::int64_t seconds_now() {
  return kvcache::detail::system_time() / 1'000'000;
}

bool is_object_name(std::string_view name) {
  constexpr std::string_view suffix = ".safetensors";
  return name.size() > 65 + suffix.size() && name.ends_with(suffix) && name[64] == '.' &&
         kvcache::detail::is_hex(name.substr(0, 64), 64);
}

/// The hidden name of a file that is being written, or was when its process was killed.
bool is_unfinished(std::string_view name) {
  return name.starts_with('.') && name.ends_with(".kvcache-tmp");
}

/// Descriptors of objects that are read at the moment: a cache can be made of more objects than files may be open.
class OpenFiles {
 public:
  explicit OpenFiles(std::size_t most) : most_(std::max<std::size_t>(most, 8)) {}

  std::shared_ptr<const File> get(const std::string& path, const std::function<File()>& open) {
    const std::lock_guard lock(mutex_);
    if (const auto found = places_.find(path); found != places_.end()) {
      files_.splice(files_.begin(), files_, found->second);
      return files_.front().second;
    }
    files_.emplace_front(path, std::make_shared<const File>(open()));
    places_[path] = files_.begin();
    if (files_.size() > most_) {
      places_.erase(files_.back().first);
      files_.pop_back();
    }
    return files_.front().second;
  }

 private:
  std::mutex mutex_;
  std::size_t most_;
  std::list<std::pair<std::string, std::shared_ptr<const File>>> files_;  // the one used last first
  std::map<std::string, decltype(files_)::iterator> places_;
};

/// An object, opened when it is read. Its name may come to be that of another file, of the same contents in another form.
class ObjectSource final : public ByteSource {
 public:
  ObjectSource(std::string path, std::string trashed, const FileIdentity& identity, std::shared_ptr<OpenFiles> files)
      : path_(std::move(path)), trashed_(std::move(trashed)), identity_(identity), files_(std::move(files)) {}
  [[nodiscard]] std::string label() const override { return path_; }
  [[nodiscard]] std::uint64_t size() const override { return identity_.bytes; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override { file()->pread_all(offset, out); }

  std::shared_ptr<const File> file() const {
    return files_->get(fmt::format("{} {} {}", path_, identity_.number, identity_.modified), [this] {
      // Evicted since, or at this moment: its bytes stay for those who had begun to read.
      for (const std::string& place : {path_, trashed_})
        if (std::optional<File> opened = opened_at(place)) return std::move(*opened);
      throw Error(ErrorKind::io, fmt::format("{} was removed while it was read", printable(path_, 4096)), "try again", "KV100");
    });
  }

 private:
  [[nodiscard]] bool is_at(const std::string& place) const { return kvcache::detail::identity_of_file(place) == identity_; }

  [[nodiscard]] std::optional<File> opened_at(const std::string& place) const {
    if (!is_at(place)) return std::nullopt;
    try {
      File opened = File::open_input(place);
      if (kvcache::detail::identity_of_file(opened.descriptor()) == identity_) return opened;
    } catch (const Error&) {
      if (is_at(place)) throw;
    }
    return std::nullopt;
  }

  std::string path_;
  std::string trashed_;
  FileIdentity identity_;
  std::shared_ptr<OpenFiles> files_;
};

/// A file that is committed later, with others.
class LateSink final : public ByteSink {
 public:
  explicit LateSink(OutputFile& file) : file_(file) {}
  [[nodiscard]] std::string label() const override { return file_.label(); }
  void reserve(std::uint64_t size) override { file_.reserve(size); }
  void write_at(std::uint64_t offset, std::span<const std::byte> data) override { file_.write_at(offset, data); }
  void complete(ByteRange range) override { file_.complete(range); }
  void commit() override {}
  void abort() noexcept override { file_.abort(); }
  [[nodiscard]] int descriptor() const noexcept override { return file_.descriptor(); }

 private:
  OutputFile& file_;
};

/// An object on its way.
struct Unnamed {
  Objects::Draft* draft;
  std::unique_ptr<OutputFile> file;
};

class FolderObjects final : public Objects {
 public:
  FolderObjects(const std::string& path, bool create)
      : root_(path), files_(std::make_shared<OpenFiles>(kvcache::detail::raise_open_files() / 2)) {
    if (!create) return;
    kvcache::detail::make_private_folder(root_);
    kvcache::detail::make_private_folder(root_ + "/trash");
    make_folders();
    if (!kvcache::detail::file_size(root_ + "/lock")) {
      try {
        file_sink(root_ + "/lock", {})->commit();
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::usage) throw;  // another process was faster
      }
    }
  }

  [[nodiscard]] std::string label() const override { return root_; }

  bool put(const std::string& name, const Writer& write) override {
    Draft draft{name, write};
    put_all({&draft, 1}, {});
    return draft.stored;
  }

  void replace(const std::string& name, const Writer& write) override {
    Draft draft{name, write, true};
    put_all({&draft, 1}, {});
  }

  void put_all(std::span<Draft> drafts, const std::function<void()>& meanwhile) override {
    // As many as may be open at once.
    constexpr std::size_t together = 16;
    for (std::size_t first = 0; first < drafts.size(); first += together)
      put_together(drafts.subspan(first, std::min(together, drafts.size() - first)),
                   first == 0 ? meanwhile : std::function<void()>());
  }

  [[nodiscard]] std::shared_ptr<const ByteSource> open(const std::string& name) const override {
    const std::string path = path_of(name);
    auto found = kvcache::detail::identity_of_file(path);
    if (!found) found = last_trashed(name);
    if (!found)
      throw Error(
          ErrorKind::io,
          fmt::format("object {} ({}) is gone from {}", name.substr(0, 12), name.substr(65, name.find('.', 65) - 65), root_),
          Remedy(Remedy::Action::store, {{"verb", "check"}, {"repair", ""}}) + " takes what needs it out of the index",
          "KV100");
    return std::make_shared<ObjectSource>(path, trash_of(name, found->number), *found, files_);
  }

  [[nodiscard]] std::optional<std::uint64_t> size(const std::string& name) const override {
    return kvcache::detail::file_size(path_of(name));
  }

  void discard(std::span<const std::string> names) override {
    // Several may be read that had one name after another.
    for (const std::string& name : names)
      if (const auto found = kvcache::detail::identity_of_file(path_of(name)))
        kvcache::detail::rename_file(path_of(name), trash_of(name, found->number));
  }

  std::uint64_t sweep() override {
    std::vector<FolderItem> items;
    kvcache::detail::each_file_in(root_ + "/trash", [&](const FolderItem& item) { items.push_back(item); });
    if (items.empty()) return 0;
    const std::int64_t old = seconds_now() - abandoned_after;
    std::uint64_t waiting = 0;
    for (const FolderItem& item : items) {
      const auto remove = [&] { kvcache::detail::remove_file(root_ + "/trash/" + item.name); };
      // Whoever begins to read now finds it in the index no more. Nobody may begin meanwhile, though: the object may be put,
      // found and discarded again, under this name.
      const std::optional<bool> free = kvcache::detail::SharedLock::when_free(root_ + "/lock", remove);
      // Without locks, after a time in which every reader has ended.
      if (!free && item.changed < old) {
        remove();
      } else if (!free.value_or(false)) {
        waiting += item.bytes;
      }
    }
    return waiting;
  }

  [[nodiscard]] std::shared_ptr<void> hold() const override { return kvcache::detail::SharedLock::hold(root_ + "/lock"); }

  void list(const std::function<void(const std::string& name, std::uint64_t bytes)>& found) const override {
    each_item([&](const std::string&, const FolderItem& item) {
      if (is_object_name(item.name)) found(item.name, item.bytes);
    });
  }

  [[nodiscard]] std::vector<std::string> strangers() const override {
    std::vector<std::string> out;
    each_item([&](const std::string& folder, const FolderItem& item) {
      if (is_unfinished(item.name)) return;
      if (!is_object_name(item.name) || item.name.substr(0, 2) != folder) out.push_back(folder + "/" + item.name);
    });
    return out;
  }

  void clean() override {
    const std::int64_t old = seconds_now() - abandoned_after;
    each_item([&](const std::string& folder, const FolderItem& item) {
      if (!is_unfinished(item.name) || item.changed >= old) return;
      const auto remove = [&] { kvcache::detail::remove_file(fmt::format("{}/objects/{}/{}", root_, folder, item.name)); };
      // Whoever writes holds the lock: the clock may have been set forward since. Without locks its times have to do.
      if (!kvcache::detail::SharedLock::when_free(root_ + "/lock", remove)) remove();
    });
  }

  [[nodiscard]] std::optional<std::pair<std::uint64_t, std::uint64_t>> space() const override {
    return kvcache::detail::disk_space(root_);
  }

 private:
  /// What a disk that is too small for all of them has taken is given back.
  void make_folders() const {
    const std::string objects = root_ + "/objects";
    if (!kvcache::detail::make_private_folder(objects)) return;
    try {
      for (int i = 0; i < 256; ++i) kvcache::detail::make_private_folder(fmt::format("{}/{:02x}", objects, i));
      kvcache::detail::make_names_durable(objects);
      kvcache::detail::make_names_durable(root_);
    } catch (const Error&) {
      std::error_code unused;  // one that somebody else has put something into stays
      for (int i = 0; i < 256; ++i) std::filesystem::remove(fmt::format("{}/{:02x}", objects, i), unused);
      std::filesystem::remove(objects, unused);
      throw;
    }
  }

  [[nodiscard]] std::string path_of(const std::string& name) const {
    return fmt::format("{}/objects/{}/{}", root_, name.substr(0, 2), name);
  }
  [[nodiscard]] std::string trash_of(const std::string& name, std::uint64_t number) const {
    return fmt::format("{}/trash/{}.{}", root_, name, number);
  }

  /// The file that had this name last, of those that readers may still hold.
  [[nodiscard]] std::optional<FileIdentity> last_trashed(const std::string& name) const {
    std::optional<FileIdentity> last;
    kvcache::detail::each_file_in(root_ + "/trash", [&](const FolderItem& item) {
      if (!item.name.starts_with(name)) return;
      const auto found = kvcache::detail::identity_of_file(root_ + "/trash/" + item.name);
      if (found && (!last || found->modified > last->modified)) last = found;
    });
    return last;
  }

  /// In three steps, each of which waits for the disk once: the bytes are durable, then they have names, then those are
  /// durable.
  void put_together(std::span<Draft> drafts, const std::function<void()>& meanwhile) {
    std::vector<Unnamed> files;
    std::set<std::string> folders;
    std::shared_ptr<void> seen;  // as long as there are hidden files, which clean() would take for those of a killed process
    // Whoever has just named an object that is there may not have come to make that durable yet.
    const auto is_there = [&](const Draft& draft) {
      const std::string path = path_of(draft.name);
      folders.insert(path.substr(0, path.rfind('/')));
    };
    const auto write_all = [&] {
      for (Draft& draft : drafts) {
        draft.stored = false;
        if (!draft.replaces && size(draft.name)) {
          is_there(draft);
          continue;
        }
        try {
          files.push_back({&draft, file_for(path_of(draft.name), draft.replaces)});
        } catch (const Error& error) {
          if (error.kind() != ErrorKind::usage || draft.replaces) throw;
          is_there(draft);
          continue;
        }
        if (!seen && files.back().file->has_hidden_name()) seen = hold();
        LateSink sink(*files.back().file);
        draft.write(sink);
      }
    };
    // Before the disk is busy with the files: what it does meanwhile would wait behind them.
    at_once(meanwhile ? 2 : 1, [&](std::uint64_t i) { i == 0 ? write_all() : meanwhile(); });
    at_once(files.size(), [&](std::uint64_t i) { files[i].file->flush(); });
    for (Unnamed& one : files) {
      try {
        one.file->give_name();
        one.draft->stored = true;
        folders.insert(one.file->folder());
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::usage || one.draft->replaces) throw;
        is_there(*one.draft);  // another process was faster
      }
    }
    const std::vector<std::string> changed(folders.begin(), folders.end());
    at_once(changed.size(), [&](std::uint64_t i) { kvcache::detail::make_names_durable(changed[i]); });
  }

  /// Whoever waits for a disk needs no core.
  static void at_once(std::uint64_t count, const std::function<void(std::uint64_t)>& wait) {
    kvcache::detail::parallel_for(count, 8, wait);
  }

  static std::unique_ptr<OutputFile> file_for(const std::string& path, bool overwrite) {
    FileSinkOptions options;
    options.overwrite = overwrite;
    try {
      return std::make_unique<OutputFile>(path, options);
    } catch (const Error& error) {
      // Somebody has removed an empty folder, or could not make it.
      const std::string folder = path.substr(0, path.rfind('/'));
      if (error.kind() != ErrorKind::io || !kvcache::detail::make_private_folder(folder)) throw;
      kvcache::detail::make_names_durable(folder.substr(0, folder.rfind('/')));
      return std::make_unique<OutputFile>(path, options);
    }
  }

  void each_item(const std::function<void(const std::string& folder, const FolderItem&)>& found) const {
    for (int i = 0; i < 256; ++i) {
      const std::string folder = fmt::format("{:02x}", i);
      kvcache::detail::each_file_in(fmt::format("{}/objects/{}", root_, folder),
                                    [&](const FolderItem& item) { found(folder, item); });
    }
  }

  std::string root_;
  std::shared_ptr<OpenFiles> files_;
};

}  // namespace

std::unique_ptr<Objects> folder_objects(const std::string& path, bool create) {
  return std::make_unique<FolderObjects>(path, create);
}

}  // namespace kvcache::store

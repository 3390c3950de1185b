// Where the objects of a store are kept: one back end per file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/byte_source.h"

namespace kvcache {
namespace [[gnu::visibility("default")]] store {

/// Files by name, each written once and whole. Names are of lower-case letters, digits, '-' and '.', the first two of them hex
/// digits. All functions may be called by any number of processes at once, and by several threads.
class Objects {
 public:
  /// Writes an object into the sink and commits it.
  using Writer = std::function<void(ByteSink& out)>;

  Objects() = default;
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;
  virtual ~Objects() = default;

  /// What messages call it: a path, an address.
  [[nodiscard]] virtual std::string label() const = 0;
  /// Store an object that is durable when this returns. An object of that name stays as it is. Returns whether this one was
  /// stored. Throws Error(io), and what `write` throws; then nothing has changed.
  virtual bool put(const std::string& name, const Writer& write) = 0;
  /// As put(), but an object of that name is replaced.
  virtual void replace(const std::string& name, const Writer& write) = 0;
  /// One of several objects that are stored together.
  struct Draft {
    std::string name;       ///< as of put()
    Writer write;           ///< as of put()
    bool replaces = false;  ///< replace(), else put()
    bool stored = false;    ///< what became of it
  };
  /// Store several objects, in which a back end may wait for its medium once instead of for each. All are durable when this
  /// returns. Throws as put() does: then `stored` tells which of them have got their names, durable or not. `meanwhile` is
  /// called once, in any thread; what it throws counts as well.
  virtual void put_all(std::span<Draft> drafts, const std::function<void()>& meanwhile);
  /// The object, read by ranges. Objects that were discarded are still found while a hold() is alive that was taken before.
  /// Throws Error(io, code KV100), also when there is none.
  [[nodiscard]] virtual std::shared_ptr<const ByteSource> open(const std::string& name) const = 0;
  /// Bytes of the object, or nothing when there is none. Never of a discarded one.
  [[nodiscard]] virtual std::optional<std::uint64_t> size(const std::string& name) const = 0;
  /// Take objects away; names that do not exist are fine. Their bytes go with the next sweep(). Throws Error(io).
  virtual void discard(std::span<const std::string> names) = 0;
  /// Free the bytes of what was discarded, as far as no hold() needs it any more. Returns how many bytes are still waiting.
  virtual std::uint64_t sweep() = 0;
  /// The same of a back end that keeps what was discarded for a time: now, although somebody may be reading it.
  virtual std::uint64_t purge() { return sweep(); }
  /// While what is returned lives, open() finds every object that it would have found now. Never waits. May be nullptr where
  /// a back end keeps discarded objects for a time instead.
  [[nodiscard]] virtual std::shared_ptr<void> hold() const = 0;
  /// Every object that there is, in any order, with its size.
  virtual void list(const std::function<void(const std::string& name, std::uint64_t bytes)>& found) const = 0;
  /// Names of files that are no objects: what somebody else put there. What is being written is none of these.
  [[nodiscard]] virtual std::vector<std::string> strangers() const = 0;
  /// Remove what killed processes have left half written.
  virtual void clean() = 0;
  /// Free bytes and all bytes of the medium; nothing where it has no end.
  [[nodiscard]] virtual std::optional<std::pair<std::uint64_t, std::uint64_t>> space() const = 0;
};

/// A folder of the file system (docs/store.md, "On the disk"). `create`: make it where it does not exist. Throws Error(io).
[[nodiscard]] std::unique_ptr<Objects> folder_objects(const std::string& path, bool create);

}  // namespace store
}  // namespace kvcache

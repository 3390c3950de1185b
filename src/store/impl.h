// What an open store is, for the files that do its work.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kvcache/store.h"
#include "store/match.h"

namespace kvcache::store {

struct Store::Impl {
  std::unique_ptr<Index> index;
  std::unique_ptr<Objects> objects;
  std::string warning;
  bool read_only = false;
  std::string obstacle;  // why it is only read, where nobody has asked for that
  std::string folder;    // of a store in a folder

  /// Before anything is changed. Throws Error(io) where it is only read.
  void require_writable() const;
};

namespace detail {

/// The cache of a plan: reads the headers of the objects, no rows. Throws Error(io), Error(unreadable).
[[nodiscard]] PromptCache assemble(const Objects& objects, const Layout& layout, const Plan& plan);

/// An entry whose tokens go through a node, or end at it.
[[nodiscard]] std::optional<Entry> entry_through(const Index& index, const Digest& node);

/// Take objects away that nothing in the index has, and free what readers have let go.
void discard(Index& index, Objects& objects, std::span<const std::string> names);

/// Evict until the objects take at most `bytes` and the disk has `free` bytes left. Returns how many bytes went.
/// `full`: there is no room for much of a log meanwhile.
std::uint64_t make_room(Store& store, std::optional<std::uint64_t> bytes, std::uint64_t free, bool full = false);

/// The same as far as the store's limits ask for it, for `bytes` more to be written; adds to `gone` how many bytes went. Throws
/// Error(impossible) where the limits are too small.
void make_room_to_write(Store& store, const Settings& settings, std::uint64_t bytes, std::uint64_t& gone);

/// The same for a disk that has just turned out to be full, for `bytes` more to be written, at least `least` of which. Returns
/// whether anything went, and adds how much; nothing does where all there is would not be enough.
bool make_room_for_disk(Store& store, std::uint64_t bytes, std::uint64_t least, std::uint64_t& gone);

/// As Store::put(), into a namespace that may have a salt which nobody knows here.
Put put_into(Store& store, const Namespace& space, const Document& document, const Prompt& prompt, const PutOptions& options);

/// Entries of which a part was evicted say so themselves, for an index that is made anew.
void say_what_is_held(Index& index, Objects& objects, const std::set<std::string>& ids);

/// The user's folder for caches of this tool, or empty where none is known.
[[nodiscard]] std::string cache_folder();

/// Microseconds since 1970.
[[nodiscard]] Time time_now();

/// Warnings about what is shown but is no part of an identity: a tokenizer that is not what it was.
[[nodiscard]] std::vector<std::string> attribute_warnings(const Identity& stored, const Identity& asked);

}  // namespace detail
}  // namespace kvcache::store

// Where a store knows what it has: one back end per file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/store/types.h"

namespace kvcache {
namespace [[gnu::visibility("default")]] store {

/// Nodes, entries and namespaces. What is asked for together is asked for in one call, so that a back end behind a network
/// needs one round trip for it. Every function is a transaction of its own. All throw Error(io).
class Index {
 public:
  Index() = default;
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;
  virtual ~Index() = default;

  /// What messages call it.
  [[nodiscard]] virtual std::string label() const = 0;

  // Looking.

  [[nodiscard]] virtual Settings settings() const = 0;  ///< what the store keeps to
  /// All of them, or those of one identity.
  [[nodiscard]] virtual std::vector<Namespace> namespaces(const std::optional<Digest>& identity = {}) const = 0;
  /// The nodes of these hashes, in their order, up to the first that there is not.
  [[nodiscard]] virtual std::vector<Node> path(std::span<const Digest> hashes) const = 0;
  /// A place among the children of a node: where they would stand, in the order of their ids as numbers, one after another.
  struct Place {
    Digest parent;  ///< their parent
    TokenIds ids;   ///< what they are to be like
  };
  /// For each place, up to `most` children before or at it and up to `most` behind it, those next to it first.
  struct Neighbours {
    std::vector<Node> before;  ///< in falling order; the first is equal to the place, or less
    std::vector<Node> behind;  ///< in rising order
  };
  /// See above. In the order of `places`.
  [[nodiscard]] virtual std::vector<Neighbours> near(std::span<const Place> places, std::size_t most) const = 0;
  /// The children of a node.
  [[nodiscard]] virtual std::vector<Node> children(const Digest& parent, std::size_t most) const = 0;
  /// All entries, the one used last first; or those of a namespace, or at a node.
  struct EntryFilter {
    std::optional<Digest> space;       ///< of this namespace
    std::optional<Digest> node;        ///< at this node
    std::optional<std::string> label;  ///< of this label
    std::optional<std::string> id;     ///< whose id begins so
    std::optional<std::size_t> most;   ///< no more than so many
  };
  /// See above.
  [[nodiscard]] virtual std::vector<Entry> entries(const EntryFilter& filter) const = 0;
  /// Calls `found` for every node, parents before children.
  virtual void each_node(const std::function<void(const Node&)>& found) const = 0;
  /// Bytes of all objects that nodes and entries have.
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;

  // Changing.

  /// What a put adds.
  struct Publication {
    Namespace space;             ///< made where it does not exist
    std::vector<Node> nodes;     ///< parents before children; of one that exists, objects, state and rows that it has not
                                 ///< are added
    std::vector<Digest> needed;  ///< nodes that the put has found and not written again
    Entry entry;  ///< replaces one of its id, but for `created`, `hits` and `pinned`, which stay; `created` 0: now
    std::uint64_t entry_bytes = 0;      ///< of the entry's own object
    std::function<bool()> still_there;  ///< asked within the transaction: objects that were found and not written again
  };
  /// What became of it.
  struct Published {
    bool done = false;                   ///< false: something needed is gone; nothing has changed
    std::vector<std::string> discarded;  ///< objects that no node has any more: rows of tails that the new nodes contain
    Entry entry;                         ///< as it is now
  };
  /// Do ahead of a publish() what it would have to wait for the medium for, as far as that does not depend on what is
  /// published. May be called in another thread, while this object is not used otherwise. Throws Error(io).
  virtual void prepare() {}
  /// In one transaction, which no other publish() and no reclaim() meets.
  virtual Published publish(const Publication& publication) = 0;
  /// A last access.
  struct Touch {
    Digest node;        ///< that was used
    std::string entry;  ///< id, or empty
  };
  /// Note accesses, all in one transaction, and what they reused. Gives up at once, without an error, where the store cannot
  /// be written to or is busy.
  virtual void touch(std::span<const Touch> touches) noexcept = 0;
  /// One day of look-ups.
  struct Day {
    std::string date;                ///< "2026-11-30", UTC
    std::uint64_t asked = 0;         ///< look-ups
    std::uint64_t hits = 0;          ///< that found something
    std::uint64_t tokens_asked = 0;  ///< tokens looked up
    std::uint64_t tokens_found = 0;  ///< tokens that need not be processed again
  };
  /// Add to today's counts; as touch().
  virtual void count(std::uint64_t tokens_asked, std::uint64_t tokens_found) noexcept = 0;
  /// The oldest first.
  [[nodiscard]] virtual std::vector<Day> history() const = 0;
  /// Label and pin of an entry.
  virtual void update(const std::string& id, const std::optional<std::string>& label, std::optional<bool> pinned) = 0;
  /// Rows of a tail that a longer node holds as well, and that have to be stored apart before that one goes.
  struct Uncovered {
    Node tail;  ///< which stays
    Node from;  ///< whose rows begin with its rows
  };
  /// What became of a removal.
  struct Removed {
    bool done = true;                    ///< false: nothing has changed, rows of `uncovered` have to be stored first
    std::vector<Uncovered> uncovered;    ///< see above
    std::vector<std::string> discarded;  ///< objects that nothing has any more
    std::uint64_t bytes = 0;             ///< of them
    std::vector<std::string> cut;        ///< ids of entries of which the end went
  };
  /// Remove entries, and what no other entry needs. `given`: rows of tails that were stored for it, by the tails' hashes.
  virtual Removed remove(std::span<const std::string> ids, std::span<const std::pair<Digest, ObjectInfo>> given) = 0;
  /// In which order things are evicted.
  enum class Phase {
    dead,    ///< ends of sequences that no state reaches, in namespaces with states
    states,  ///< states and windows of turns that others have followed: neither the last two of a label, nor where paths part
    leaves,  ///< ends of sequences
  };
  /// What can be evicted of one phase, the one used longest ago first, nothing pinned.
  [[nodiscard]] virtual std::vector<Node> evictable(Phase phase, std::size_t most) const = 0;
  /// Evict these nodes or, in Phase::states, only their states and windows. Entries that end there end at the parent from now
  /// on, or at the tail that the rows went on from; those of which nothing is left are gone. What has got children or a pin
  /// meanwhile stays.
  virtual Removed evict(Phase phase, std::span<const Digest> nodes) = 0;
  /// Take these objects out of the nodes that have them: they are damaged or lost. Nodes without rows lose their children.
  virtual Removed forget(std::span<const std::string> names) = 0;
  /// Calls `discard` with those of `names` that nothing has, in a transaction that excludes publish().
  virtual void reclaim(std::span<const std::string> names,
                       const std::function<void(std::span<const std::string>)>& discard) = 0;
  virtual void set(const Settings& settings) = 0;  ///< what it keeps to from now on
  /// Leave nothing behind of what was removed, and take no more room than needed.
  virtual void compact() = 0;
  /// Everything else goes, this comes in: for rebuilding.
  struct Contents {
    std::vector<Namespace> spaces;                         ///< of the nodes
    std::vector<Node> nodes;                               ///< parents before children
    std::vector<std::pair<Entry, std::uint64_t>> entries;  ///< with the bytes of their own objects
  };
  /// See above.
  virtual void restore(const Contents& contents) = 0;
  /// What is wrong with it, one line each; empty: nothing.
  [[nodiscard]] virtual std::vector<std::string> check() const = 0;
};

/// A SQLite database. `create`: make it where it does not exist. `read_only`: never write, not even beside it.
[[nodiscard]] std::unique_ptr<Index> sqlite_index(const std::string& path, bool create, bool read_only);

}  // namespace store
}  // namespace kvcache

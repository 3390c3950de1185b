// The index in a database that speaks SQL: nodes by their hash and by parent and ids, entries, namespaces, settings. What the
// engines do not share is in the files of those: index_sqlite.cpp, src/fleet/index_postgres.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/store/index.h"
#include "store/sql.h"

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): a part of literals
#define KVCACHE_NODE_COLUMNS \
  "hash, parent, (SELECT name FROM namespace WHERE namespace.id = space), first, tail, ids, extras, objects, cut, held, used"

namespace kvcache::store::detail {

/// Tables: setting (key, value), with 'bytes' and 'clock'; namespace; node, whose ids are blobs of big-endian numbers, three
/// bytes each up to 0xFEFFFF, else 0xFF and four, which as bytes stand in the order of the ids; entry; day. A node's `base` is
/// the tail that its rows go on from, and it is `loose` where nothing needs it: no child, and no rows that go on from its own.
class SqlIndex : public Index {
 public:
  [[nodiscard]] Settings settings() const override;
  [[nodiscard]] std::vector<Namespace> namespaces(const std::optional<Digest>& identity) const override;
  [[nodiscard]] std::vector<Node> path(std::span<const Digest> hashes) const override;
  [[nodiscard]] std::vector<Neighbours> near(std::span<const Place> places, std::size_t most) const override;
  [[nodiscard]] std::vector<Node> children(const Digest& parent, std::size_t most) const override;
  [[nodiscard]] std::vector<Entry> entries(const EntryFilter& filter) const override;
  void each_node(const std::function<void(const Node&)>& found) const override;
  [[nodiscard]] std::uint64_t bytes() const override { return static_cast<std::uint64_t>(number("bytes")); }

  Published publish(const Publication& publication) override;
  [[nodiscard]] std::vector<Day> history() const override;
  void update(const std::string& id, const std::optional<std::string>& label, std::optional<bool> pinned) override;
  Removed remove(std::span<const std::string> ids, std::span<const std::pair<Digest, ObjectInfo>> given) override;
  [[nodiscard]] std::vector<Node> evictable(Phase phase, std::size_t most) const override;
  Removed evict(Phase phase, std::span<const Digest> hashes) override;
  Removed forget(std::span<const std::string> names) override;
  void reclaim(std::span<const std::string> names, const std::function<void(std::span<const std::string>)>& discard) override;
  void set(const Settings& settings) override;
  void restore(const Contents& contents) override;
  [[nodiscard]] std::vector<std::string> check() const override;

 protected:
  /// An object that nothing has any more.
  struct Dropped {
    std::string name;
    std::uint64_t bytes = 0;  ///< 0 where they are not known
  };

  [[nodiscard]] virtual SqlConnection& db() const = 0;
  /// The time of a change: behind that of every earlier one, whatever the clock says.
  Time tick();
  /// Before objects go: whether a change whose end failed, of whomever, could come to hold after all until something else is
  /// written. Within a transaction that writes.
  [[nodiscard]] virtual bool is_unsettled() { return false; }
  /// Called at the end of each transaction in which objects were dropped, within it.
  virtual void note_dropped(std::span<const Dropped> /*dropped*/) {}
  /// Whether the objects of a publication are still there; within its transaction.
  [[nodiscard]] virtual bool still_there(const Publication& publication) {
    return !publication.still_there || publication.still_there();
  }

  static constexpr int version = 3;
  static constexpr int earlier_version = 2;
  /// What makes an index of this version of an earlier one, `blob` being the engine's type for bytes. Processes of earlier
  /// releases that have it open cannot write to it any more: they would remove rows that others go on from.
  [[nodiscard]] static std::string upgrade(std::string_view blob);
  /// Whether it is of the newest version: one that is only read may be older.
  [[nodiscard]] virtual bool is_upgraded() const = 0;

  /// A setting that is a number; 0 where it is not there.
  [[nodiscard]] std::int64_t number(std::string_view key) const;
  /// What touch() and count() do, within a transaction.
  void note(std::span<const Touch> touches);
  void add_counts(const Day& counts);
  /// Today, UTC.
  [[nodiscard]] static std::string today();
  /// Whether a row has this object. Of an entry or a namespace: whether there is one.
  [[nodiscard]] bool has(const std::string& name) const;

  /// Of a row of KVCACHE_NODE_COLUMNS.
  [[nodiscard]] static Node node_from(const Statement& row);
  /// In the order of the ids.
  [[nodiscard]] static std::string ids_blob(std::span<const std::int32_t> ids);

 private:
  /// A transaction that writes.
  class Change {
   public:
    explicit Change(SqlIndex& index) : index_(index), transaction_(index.db(), Transaction::Kind::write) {
      index.dropped_.clear();
    }
    void commit() {
      if (!index_.dropped_.empty()) index_.note_dropped(index_.dropped_);
      transaction_.commit();
    }

   private:
    SqlIndex& index_;
    Transaction transaction_;
  };

  void set_number(std::string_view key, std::int64_t value);
  void change_bytes(std::int64_t by);
  void tick_to(Time time);

  static std::vector<Node> nodes(Statement& rows);
  static std::vector<Node> nodes(Statement&& rows) { return nodes(rows); }
  [[nodiscard]] std::optional<Node> find(const Digest& hash) const;
  static std::vector<Entry> read_entries(Statement& rows, const EntryFilter& filter);
  static std::vector<Entry> read_entries(Statement&& rows, const EntryFilter& filter) { return read_entries(rows, filter); }

  std::int64_t space_id(const Namespace& space, Time now);
  /// Namespaces that nothing is in any more.
  void sweep_spaces(Removed& out);
  void mark_used(const Digest& hash, Time now);
  void add(const Node& node, std::int64_t space, Time now, std::vector<std::string>& discarded);
  static void bind_held(Statement& row, const Node& node);
  static void bind_base(Statement& row, const std::optional<Digest>& base);
  /// What of a node may change.
  void store(const Node& node);

  /// Tails whose tokens are the first ones of `node`, the longest first.
  [[nodiscard]] std::vector<Node> tails_within(const Node& node) const;
  /// Rows of shorter tails are in the new node as well.
  void supersede(const Node& node, std::vector<std::string>& discarded);
  /// Another node that holds the rows of a tail.
  [[nodiscard]] bool covered_by_other(const Node& tail, const Digest& but) const;
  /// Tails that stand on the rows of `node` alone.
  [[nodiscard]] std::vector<Node> standing_on(const Node& node) const;

  [[nodiscard]] bool has_children(const Digest& hash) const;
  /// Whether rows of longer nodes go on from its rows.
  [[nodiscard]] bool is_base(const Digest& hash) const;
  /// Children, and those whose rows go on from its rows.
  [[nodiscard]] std::vector<Node> needing(const Digest& hash) const;
  /// Notes whether there are any: only what is loose can be evicted.
  void settle(const Digest& hash);
  /// Whether it has rows, or comes with them.
  [[nodiscard]] bool has_rows(const Digest& hash, std::span<const Node> coming) const;
  [[nodiscard]] bool has_entries(const Digest& hash) const;
  /// Whether an entry ends there that is whole.
  [[nodiscard]] bool is_end(const Digest& hash) const;
  [[nodiscard]] bool pinned_at(const Digest& hash) const;
  [[nodiscard]] bool carries_pin(const Node& node) const;
  [[nodiscard]] std::int64_t entry_bytes(const std::string& id) const;

  void drop(std::string name, std::uint64_t bytes, std::vector<std::string>& discarded);
  void take_object(Node& node, const std::string& group, Removed& out);
  void strip_end(Node node, Removed& out);
  void delete_entry(const Entry& entry, Removed& out);
  void delete_node(const Node& node, Removed& out);
  /// No entry ends at a node any more: its state goes, and it, and those before it that nothing else needs.
  void drop_end(const Digest& hash, std::span<const std::pair<Digest, ObjectInfo>> given, Removed& out);
  void evict_node(const Node& node, Removed& out);
  void evict_below(const Node& node, Removed& out);

  /// Nodes where the last two entries of each label end.
  [[nodiscard]] std::set<Digest> last_of_labels() const;
  /// Whether its tokens go on, and in one way only.
  [[nodiscard]] bool followed_on_one_path(const Node& node) const;
  void put_entry(const Entry& entry, std::uint64_t bytes, std::int64_t space, Time now);

  std::vector<Dropped> dropped_;  // in the transaction that is open
};

}  // namespace kvcache::store::detail

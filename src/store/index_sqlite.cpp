// The index as a SQLite database: nodes by their hash and by parent and ids, entries, namespaces, settings.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/store/index.h"
#include "platform/folder.h"
#include "store/chain.h"
#include "store/hex.h"
#include "store/object_file.h"
#include "store/sqlite.h"

namespace kvcache::store {
namespace {

using detail::Database;
using detail::from_hex;
using detail::Statement;
using detail::to_hex;
using detail::Transaction;
using Json = nlohmann::json;

constexpr int version = 1;
constexpr int patience = 60'000;  // milliseconds that a writer waits for others

// Ids are blobs of big-endian numbers: as bytes they stand in the order of the ids.
constexpr const char* schema = R"sql(
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE namespace (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, identity BLOB NOT NULL, about TEXT NOT NULL,
  layout TEXT NOT NULL, salted INTEGER NOT NULL, state INTEGER NOT NULL, block INTEGER NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE node (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, parent BLOB NOT NULL, space INTEGER NOT NULL,
  first INTEGER NOT NULL, tail INTEGER NOT NULL, ids BLOB NOT NULL, extras TEXT, objects TEXT NOT NULL, bytes INTEGER NOT NULL,
  cut INTEGER, held TEXT, used INTEGER NOT NULL, leaf INTEGER NOT NULL) STRICT;
CREATE INDEX node_children ON node (parent, ids);
CREATE INDEX node_leaves ON node (used) WHERE leaf = 1;
CREATE INDEX node_ends ON node (used) WHERE held IS NOT NULL;
CREATE TABLE entry (id TEXT PRIMARY KEY, space INTEGER NOT NULL, node BLOB NOT NULL, tokens INTEGER NOT NULL, held INTEGER NOT NULL,
  label TEXT NOT NULL, pinned INTEGER NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL, hits INTEGER NOT NULL,
  format TEXT NOT NULL, metadata TEXT NOT NULL, facets TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE INDEX entry_node ON entry (node);
CREATE TABLE day (date TEXT PRIMARY KEY, asked INTEGER NOT NULL, hits INTEGER NOT NULL, tokens_asked INTEGER NOT NULL,
  tokens_found INTEGER NOT NULL) STRICT;
INSERT INTO setting VALUES ('bytes', '0'), ('clock', '0');
)sql";

#define NODE_COLUMNS \
  "hash, parent, (SELECT name FROM namespace WHERE namespace.id = space), first, tail, ids, extras, objects, cut, held, used"
#define ENTRY_COLUMNS                                                                                                     \
  "id, (SELECT name FROM namespace WHERE namespace.id = space), node, tokens, held, label, pinned, created, used, hits, " \
  "format, metadata, facets"

std::string ids_blob(std::span<const std::int32_t> ids) {
  std::string out;
  out.reserve(4 * ids.size());
  for (const std::int32_t id : ids)
    for (int shift = 24; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(static_cast<std::uint32_t>(id) >> static_cast<unsigned>(shift) & 0xFFU));
  return out;
}

TokenIds ids_of(std::string_view blob) {
  TokenIds ids(blob.size() / 4);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::uint32_t id = 0;
    for (std::size_t k = 0; k < 4; ++k) id = id << 8U | static_cast<unsigned char>(blob[4 * i + k]);
    ids[i] = static_cast<std::int32_t>(id);
  }
  return ids;
}

std::string objects_text(const std::vector<ObjectInfo>& objects) {
  Json out = Json::array();
  for (const ObjectInfo& one : objects) {
    Json rows = Json::array();
    for (const auto& [begin, end] : one.rows) rows.push_back({begin, end});
    out.push_back({one.group, one.bytes, std::move(rows)});
  }
  return out.dump();
}

std::uint64_t bytes_of(const std::vector<ObjectInfo>& objects) {
  std::uint64_t bytes = 0;
  for (const ObjectInfo& one : objects) bytes += one.bytes;
  return bytes;
}

Time system_time() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::string today() {
  return detail::time_text(system_time()).substr(0, 10);
}

Node node_from(const Statement& row) {
  Node node;
  node.hash = to_hex(row.text(0));
  node.parent = to_hex(row.text(1));
  node.space = to_hex(row.text(2));
  node.first = row.integer(3);
  node.tail = row.integer(4) != 0;
  node.ids = ids_of(row.text(5));
  if (!row.null(6))
    for (const Json& extra : Json::parse(row.text(6)))
      node.extras.push_back({extra.at(0), extra.at(1), from_hex(extra.at(2).get<std::string>())});
  for (const Json& object : Json::parse(row.text(7))) {
    ObjectInfo info{object.at(0), object.at(1), {}};
    for (const Json& span : object.at(2)) info.rows.emplace_back(span.at(0), span.at(1));
    node.objects.push_back(std::move(info));
  }
  if (!row.null(8)) node.cut = row.integer(8);
  if (!row.null(9)) node.held = Json::parse(row.text(9)).get<std::vector<std::int64_t>>();
  node.used = row.integer(10);
  return node;
}

Entry entry_from(const Statement& row) {
  Entry entry;
  entry.id = row.text(0);
  entry.space = to_hex(row.text(1));
  entry.node = to_hex(row.text(2));
  entry.tokens = row.integer(3);
  entry.held = row.integer(4);
  entry.label = row.text(5);
  entry.pinned = row.integer(6) != 0;
  entry.created = row.integer(7);
  entry.used = row.integer(8);
  entry.hits = static_cast<std::uint64_t>(row.integer(9));
  entry.format = row.text(10);
  for (const Json& pair : Json::parse(row.text(11)))
    entry.metadata.emplace(from_hex(pair.at(0).get<std::string>()), from_hex(pair.at(1).get<std::string>()));
  entry.facets = row.text(12);
  return entry;
}

std::string metadata_text(const std::map<std::string, std::string>& metadata) {
  Json out = Json::array();
  for (const auto& [key, value] : metadata) out.push_back({to_hex(key), to_hex(value)});  // a file's own bytes
  return out.dump();
}

bool is_prefix(const TokenIds& shorter, const TokenIds& longer) {
  return shorter.size() <= longer.size() && std::equal(shorter.begin(), shorter.end(), longer.begin());
}

/// Whether the rows of `tail` are the first ones of `node`.
bool covers(const Node& node, const Node& tail) {
  return node.hash != tail.hash && node.object(detail::rows_group) != nullptr && is_prefix(tail.ids, node.ids) &&
         detail::extras_within(node.extras, tail.first, static_cast<std::int64_t>(tail.ids.size())) == tail.extras;
}

class SqliteIndex final : public Index {
 public:
  SqliteIndex(const std::string& path, bool create, bool read_only) : path_(path) {
    open(create, read_only);
    if (read_only || db_->read_only()) {
      check_version();
      return;
    }
    db_->wait(patience);
    // On another computer's disk the shared memory of a write-ahead log is not shared.
    const bool network = kvcache::detail::on_network(path.substr(0, path.rfind('/')));
    if (create) make_tables();
    check_version();
    db_->execute(network ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL");
    db_->execute("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint=512; PRAGMA cache_size=-4096");
  }

  [[nodiscard]] std::string label() const override { return path_; }

  [[nodiscard]] Settings settings() const override {
    Settings out;
    Statement rows = db_->prepare("SELECT key, value FROM setting");
    while (rows.step()) {
      const std::string key = rows.text(0);
      const std::string value = rows.text(1);
      if (key == "max_size") out.max_size = std::stoull(value);
      if (key == "min_free") out.min_free = std::stoull(value);
      if (key == "min_free_part") out.min_free_part = std::stod(value);
      if (key == "max_age") out.max_age = std::stoll(value);
      if (key == "block") out.block = std::stoll(value);
      if (key == "compress") out.compress = value == "lossless";
    }
    return out;
  }

  void set(const Settings& settings) override {
    Transaction transaction(*db_, Transaction::Kind::write);
    const auto put = [&](std::string_view key, const std::optional<std::string>& value) {
      if (value) {
        db_->prepare("INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
            .bind(key)
            .bind(*value)
            .run();
      } else {
        db_->prepare("DELETE FROM setting WHERE key = ?").bind(key).run();
      }
    };
    const auto text = [](const auto& value) { return value ? std::optional(fmt::to_string(*value)) : std::nullopt; };
    put("max_size", text(settings.max_size));
    put("min_free", text(settings.min_free));
    put("min_free_part", text(settings.min_free_part));
    put("max_age", text(settings.max_age));
    put("block", text(settings.block));
    put("compress", settings.compress ? std::optional<std::string>("lossless") : std::nullopt);
    transaction.commit();
  }

  [[nodiscard]] std::vector<Namespace> namespaces(const std::optional<Digest>& identity) const override {
    std::vector<Namespace> out;
    Statement rows = db_->prepare(
        "SELECT name, identity, about, layout, salted, state, block, created FROM namespace WHERE ?1 IS NULL OR identity = ?1 "
        "ORDER BY id");
    if (identity) {
      rows.bind_blob(from_hex(*identity));
    } else {
      rows.bind_null();
    }
    while (rows.step()) {
      Namespace space;
      space.name = to_hex(rows.text(0));
      space.identity.key = to_hex(rows.text(1));
      const Json about = Json::parse(rows.text(2));
      space.identity.name = from_hex(about.value("name", std::string()));
      space.identity.config = about.value("config", std::string());
      space.identity.weights = about.value("weights", std::string());
      space.identity.attributes = about.value("attributes", std::map<std::string, std::string>());
      space.layout = rows.text(3);
      space.salted = rows.integer(4) != 0;
      space.state = rows.integer(5) != 0;
      space.block = rows.integer(6);
      space.created = rows.integer(7);
      out.push_back(std::move(space));
    }
    return out;
  }

  [[nodiscard]] std::vector<Node> path(std::span<const Digest> hashes) const override {
    std::vector<Node> out;
    Transaction transaction(*db_, Transaction::Kind::read);
    for (const Digest& hash : hashes) {
      auto node = find(hash);
      if (!node) break;
      out.push_back(std::move(*node));
    }
    return out;
  }

  [[nodiscard]] std::vector<Neighbours> near(std::span<const Place> places, std::size_t most) const override {
    std::vector<Neighbours> out;
    Transaction transaction(*db_, Transaction::Kind::read);
    for (const Place& place : places) {
      const std::string parent = from_hex(place.parent);
      const std::string ids = ids_blob(place.ids);
      out.push_back(
          {nodes(db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? AND ids <= ? ORDER BY ids DESC LIMIT ?")
                     .bind_blob(parent)
                     .bind_blob(ids)
                     .bind(static_cast<std::int64_t>(most))),
           nodes(db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? AND ids > ? ORDER BY ids LIMIT ?")
                     .bind_blob(parent)
                     .bind_blob(ids)
                     .bind(static_cast<std::int64_t>(most)))});
    }
    return out;
  }

  [[nodiscard]] std::vector<Node> children(const Digest& parent, std::size_t most) const override {
    return nodes(db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? ORDER BY ids LIMIT ?")
                     .bind_blob(from_hex(parent))
                     .bind(static_cast<std::int64_t>(most)));
  }

  [[nodiscard]] std::vector<Entry> entries(const EntryFilter& filter) const override {
    if (filter.node)
      return read_entries(db_->prepare("SELECT " ENTRY_COLUMNS " FROM entry WHERE node = ? ORDER BY used DESC")
                              .bind_blob(from_hex(*filter.node)),
                          filter);
    if (filter.id) {
      const std::string end = *filter.id + "g";  // behind every hex digit
      return read_entries(db_->prepare("SELECT " ENTRY_COLUMNS " FROM entry WHERE id >= ? AND id < ? ORDER BY used DESC")
                              .bind(*filter.id)
                              .bind(end),
                          filter);
    }
    return read_entries(db_->prepare("SELECT " ENTRY_COLUMNS " FROM entry ORDER BY used DESC, id"), filter);
  }

  void each_node(const std::function<void(const Node&)>& found) const override {
    Statement rows = db_->prepare("SELECT " NODE_COLUMNS " FROM node ORDER BY first, tail, id");
    while (rows.step()) found(node_from(rows));
  }

  [[nodiscard]] std::uint64_t bytes() const override { return static_cast<std::uint64_t>(setting("bytes")); }

  Published publish(const Publication& publication) override {
    Published out;
    Transaction transaction(*db_, Transaction::Kind::write);
    for (const Digest& hash : publication.needed)
      if (!find(hash)) return out;
    if (publication.still_there && !publication.still_there()) return out;
    for (const Namespace& known : namespaces(publication.space.identity.key))
      if (known.name == publication.space.name && known.block != publication.space.block) return out;
    const Time now = tick();
    const std::int64_t space = space_id(publication.space, now);
    for (const Digest& hash : publication.needed) mark_used(hash, now);
    for (const Node& node : publication.nodes) add(node, space, now, out.discarded);
    put_entry(publication.entry, publication.entry_bytes, space, now);
    transaction.commit();
    out.done = true;
    out.entry = entries({{}, {}, {}, publication.entry.id, {}}).at(0);
    return out;
  }

  void touch(std::span<const Touch> touches) noexcept override {
    quietly([&] {
      const Time now = tick();
      for (const Touch& one : touches) {
        mark_used(one.node, now);
        if (!one.entry.empty())
          db_->prepare("UPDATE entry SET used = ?, hits = hits + 1 WHERE id = ?").bind(now).bind(one.entry).run();
      }
    });
  }

  void count(std::uint64_t tokens_asked, std::uint64_t tokens_found) noexcept override {
    quietly([&] {
      db_->prepare(
             "INSERT INTO day VALUES (?1, 1, ?2 > 0, ?3, ?2) ON CONFLICT (date) DO UPDATE SET asked = asked + 1, "
             "hits = hits + (?2 > 0), tokens_asked = tokens_asked + ?3, tokens_found = tokens_found + ?2")
          .bind(today())
          .bind(static_cast<std::int64_t>(tokens_found))
          .bind(static_cast<std::int64_t>(tokens_asked))
          .run();
    });
  }

  [[nodiscard]] std::vector<Day> history() const override {
    std::vector<Day> out;
    Statement rows = db_->prepare("SELECT date, asked, hits, tokens_asked, tokens_found FROM day ORDER BY date");
    while (rows.step())
      out.push_back({rows.text(0), static_cast<std::uint64_t>(rows.integer(1)), static_cast<std::uint64_t>(rows.integer(2)),
                     static_cast<std::uint64_t>(rows.integer(3)), static_cast<std::uint64_t>(rows.integer(4))});
    return out;
  }

  void update(const std::string& id, const std::optional<std::string>& label, std::optional<bool> pinned) override {
    Transaction transaction(*db_, Transaction::Kind::write);
    if (label) db_->prepare("UPDATE entry SET label = ? WHERE id = ?").bind(*label).bind(id).run();
    if (pinned) db_->prepare("UPDATE entry SET pinned = ? WHERE id = ?").bind(std::int64_t{*pinned}).bind(id).run();
    transaction.commit();
  }

  Removed remove(std::span<const std::string> ids, std::span<const std::pair<Digest, ObjectInfo>> given) override {
    Removed out;
    Transaction transaction(*db_, Transaction::Kind::write);
    std::vector<Node> ends;
    for (const std::string& id : ids) {
      for (const Entry& entry : entries({{}, {}, {}, id, {}})) {
        delete_entry(entry, out);
        if (auto node = find(entry.node)) ends.push_back(std::move(*node));
      }
    }
    // What stands on rows of others goes before these.
    std::ranges::stable_sort(ends, [](const Node& a, const Node& b) {
      const auto rank = [](const Node& n) { return n.object(detail::rows_group) != nullptr; };
      if (rank(a) != rank(b)) return !rank(a);
      return a.end() > b.end();
    });
    for (const Node& end : ends) drop_end(end.hash, given, out);
    if (!out.uncovered.empty()) {
      out.done = false;
      out.discarded.clear();
      return out;
    }
    sweep_spaces();
    transaction.commit();
    return out;
  }

  [[nodiscard]] std::vector<Node> evictable(Phase phase, std::size_t most) const override {
    std::vector<Node> out;
    const auto limit = static_cast<std::int64_t>(most);
    if (phase == Phase::dead)
      return nodes(
          db_->prepare(
                 "SELECT " NODE_COLUMNS
                 " FROM node WHERE leaf = 1 AND cut IS NULL AND bytes > 0 AND space IN (SELECT id FROM namespace WHERE "
                 "state = 1) AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.node = hash AND pinned = 1) ORDER BY used LIMIT ?")
              .bind(limit));
    if (phase == Phase::leaves) {
      for (Node& node :
           nodes(db_->prepare("SELECT " NODE_COLUMNS
                              " FROM node WHERE leaf = 1 AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.node = hash AND "
                              "pinned = 1) ORDER BY used LIMIT ?")
                     .bind(limit)))
        if (!carries_pin(node)) out.push_back(std::move(node));
      return out;
    }
    const std::set<Digest> kept = last_of_labels();
    Statement rows = db_->prepare("SELECT " NODE_COLUMNS
                                  " FROM node WHERE held IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.node = "
                                  "hash AND pinned = 1) ORDER BY used");
    while (out.size() < most && rows.step()) {
      Node node = node_from(rows);
      const bool has_state = std::ranges::any_of(node.objects, [](const ObjectInfo& one) { return of_end(one.group); });
      if (has_state && !kept.contains(node.hash) && followed_on_one_path(node)) out.push_back(std::move(node));
    }
    return out;
  }

  Removed evict(Phase phase, std::span<const Digest> hashes) override {
    Removed out;
    Transaction transaction(*db_, Transaction::Kind::write);
    for (const Digest& hash : hashes) {
      const auto node = find(hash);
      if (!node || pinned_at(hash)) continue;
      if (phase == Phase::states) {
        strip_end(*node, out);
      } else if (!has_children(hash) && !carries_pin(*node)) {
        evict_node(*node, out);
      }
    }
    sweep_spaces();
    transaction.commit();
    return out;
  }

  Removed forget(std::span<const std::string> names) override {
    Removed out;
    Transaction transaction(*db_, Transaction::Kind::write);
    for (const std::string& name : names) {
      const std::string group = name.substr(65, name.find('.', 65) - 65);
      const Digest hash = name.substr(0, 64);
      if (group == "entry") {
        for (const Entry& entry : entries({{}, {}, {}, hash, {}})) change_bytes(-entry_bytes(entry.id));
        db_->prepare("UPDATE entry SET bytes = 0 WHERE id = ?").bind(hash).run();
        continue;
      }
      auto node = find(hash);
      if (!node || node->object(group) == nullptr) continue;
      if (group == detail::rows_group) {
        evict_below(*node, out);
      } else {
        take_object(*node, group, out);
        if (group == detail::state_group) node->cut.reset();
        if (of_end(group)) node->held.clear();
        store(*node);
      }
    }
    sweep_spaces();
    transaction.commit();
    return out;
  }

  void reclaim(std::span<const std::string> names, const std::function<void(std::span<const std::string>)>& discard) override {
    if (names.empty()) return;
    Transaction transaction(*db_, Transaction::Kind::write);
    std::vector<std::string> free;
    for (const std::string& name : names)
      if (!has(name)) free.push_back(name);
    if (!free.empty()) discard(free);
    transaction.commit();
  }

  void restore(const Contents& contents) override {
    Transaction transaction(*db_, Transaction::Kind::write);
    db_->execute(
        "DELETE FROM node; DELETE FROM entry; DELETE FROM namespace; UPDATE setting SET value = '0' WHERE key = 'bytes'");
    std::map<Digest, std::int64_t> spaces;
    for (const Namespace& space : contents.spaces) spaces[space.name] = space_id(space, space.created);
    std::vector<std::string> none;
    for (const Node& node : contents.nodes) {
      tick_to(node.used);
      add(node, spaces.at(node.space), node.used, none);
    }
    for (const auto& [entry, bytes] : contents.entries) {
      tick_to(entry.used);
      put_entry(entry, bytes, spaces.at(entry.space), entry.used);
    }
    transaction.commit();
  }

  void compact() override {
    // What is deleted is overwritten; the log still has it until it is begun anew.
    db_->execute("PRAGMA wal_checkpoint(TRUNCATE)");
    db_->execute("PRAGMA incremental_vacuum");
  }

  [[nodiscard]] std::vector<std::string> check() const override {
    std::vector<std::string> out;
    Statement rows = db_->prepare("PRAGMA integrity_check");
    while (rows.step())
      if (rows.text(0) != "ok") out.push_back(rows.text(0));
    Transaction transaction(*db_, Transaction::Kind::read);
    const auto count = [&](std::string_view sql) {
      Statement row = db_->prepare(sql);
      return row.step() ? row.integer(0) : 0;
    };
    if (const auto n =
            count("SELECT count(*) FROM node AS n WHERE first > 0 AND NOT EXISTS (SELECT 1 FROM node WHERE hash = n.parent)");
        n > 0)
      out.push_back(fmt::format("{} nodes have no parent", n));
    if (const auto n = count("SELECT count(*) FROM entry WHERE NOT EXISTS (SELECT 1 FROM node WHERE hash = entry.node)"); n > 0)
      out.push_back(fmt::format("{} entries have no node", n));
    if (const auto n =
            count("SELECT count(*) FROM node AS n WHERE leaf <> (NOT EXISTS (SELECT 1 FROM node WHERE parent = n.hash))");
        n > 0)
      out.push_back(fmt::format("{} nodes are wrong about having children", n));
    const auto sum = count("SELECT (SELECT coalesce(sum(bytes), 0) FROM node) + (SELECT coalesce(sum(bytes), 0) FROM entry)");
    if (sum != setting("bytes")) out.push_back(fmt::format("objects of {} bytes are counted as {}", sum, setting("bytes")));
    return out;
  }

 private:
  void open(bool create, bool read_only) {
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (create && !read_only) flags |= SQLITE_OPEN_CREATE;
    try {
      db_ = std::make_unique<Database>(path_, flags, nullptr);
      db_->wait(patience);
      // Opening reads nothing yet.
      db_->execute("SELECT count(*) FROM sqlite_schema");
      return;
    } catch (const detail::DatabaseError& error) {
      const bool unlockable =
          error.sqlite() == SQLITE_IOERR || error.sqlite() == SQLITE_CANTOPEN || error.sqlite() == SQLITE_READONLY;
      if (!unlockable) throw;
    }
    db_.reset();
    if (read_only) {
      // Neither the log's shared memory nor a lock can be made: nobody writes where nobody can.
      db_ = std::make_unique<Database>("file:" + escaped_path() + "?immutable=1", flags | SQLITE_OPEN_URI, nullptr);
      db_->execute("SELECT count(*) FROM sqlite_schema");
      return;
    }
    // A file system without locks: a lock file beside the database does as well.
    db_ = std::make_unique<Database>(path_, flags, "unix-dotfile");
    db_->wait(patience);
    db_->execute("SELECT count(*) FROM sqlite_schema");
  }

  [[nodiscard]] std::string escaped_path() const {
    std::string out;
    for (const char c : path_)
      out += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
    return out;
  }

  [[nodiscard]] std::int64_t user_version() const {
    Statement row = db_->prepare("PRAGMA user_version");
    return row.step() ? row.integer(0) : 0;
  }

  void make_tables() {
    if (user_version() != 0) return;
    db_->execute("PRAGMA auto_vacuum=INCREMENTAL");
    Transaction transaction(*db_, Transaction::Kind::write);
    if (user_version() == 0) db_->execute(std::string(schema) + fmt::format("PRAGMA user_version = {}", version));
    transaction.commit();
  }

  void check_version() const {
    const std::int64_t found = user_version();
    if (found == version) return;
    throw Error(ErrorKind::unreadable,
                found == 0 ? fmt::format("{} is no index of a store", printable(path_, 4096))
                           : fmt::format("{} is of version {}, this tool knows {}", printable(path_, 4096), found, version),
                found == 0 ? "`kvcache store check --rebuild` makes it anew from the objects" : "use a newer kvcache");
  }

  [[nodiscard]] std::int64_t setting(std::string_view key) const {
    Statement row = db_->prepare("SELECT value FROM setting WHERE key = ?");
    row.bind(key);
    return row.step() ? std::stoll(row.text(0)) : 0;
  }
  void set_number(std::string_view key, std::int64_t value) {
    db_->prepare("UPDATE setting SET value = ? WHERE key = ?").bind(fmt::to_string(value)).bind(key).run();
  }
  void change_bytes(std::int64_t by) {
    if (by != 0) set_number("bytes", setting("bytes") + by);
  }

  /// The time of a change: behind that of every earlier one, whatever the clock says.
  Time tick() {
    const Time now = std::max(system_time(), setting("clock") + 1);
    set_number("clock", now);
    return now;
  }
  void tick_to(Time time) {
    if (time > setting("clock")) set_number("clock", time);
  }

  static std::vector<Node> nodes(Statement& rows) {
    std::vector<Node> out;
    while (rows.step()) out.push_back(node_from(rows));
    return out;
  }
  static std::vector<Node> nodes(Statement&& rows) { return nodes(rows); }

  [[nodiscard]] std::optional<Node> find(const Digest& hash) const {
    Statement row = db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE hash = ?");
    row.bind_blob(from_hex(hash));
    if (!row.step()) return std::nullopt;
    return node_from(row);
  }

  std::vector<Entry> read_entries(Statement& rows, const EntryFilter& filter) const {
    std::vector<Entry> out;
    while (rows.step()) {
      Entry entry = entry_from(rows);
      if (filter.space && entry.space != *filter.space) continue;
      if (filter.label && entry.label != *filter.label) continue;
      out.push_back(std::move(entry));
      if (filter.most && out.size() >= *filter.most) break;
    }
    return out;
  }
  std::vector<Entry> read_entries(Statement&& rows, const EntryFilter& filter) const { return read_entries(rows, filter); }

  std::int64_t space_id(const Namespace& space, Time now) {
    {
      Statement row = db_->prepare("SELECT id FROM namespace WHERE name = ?");
      row.bind_blob(from_hex(space.name));
      if (row.step()) return row.integer(0);
    }
    const Json about = {{"name", to_hex(space.identity.name)},
                        {"config", space.identity.config},
                        {"weights", space.identity.weights},
                        {"attributes", space.identity.attributes}};
    db_->prepare(
           "INSERT INTO namespace (name, identity, about, layout, salted, state, block, created) VALUES (?, ?, ?, ?, ?, ?, ?, "
           "?)")
        .bind_blob(from_hex(space.name))
        .bind_blob(from_hex(space.identity.key))
        .bind(about.dump(-1, ' ', true, Json::error_handler_t::replace))
        .bind(space.layout)
        .bind(std::int64_t{space.salted})
        .bind(std::int64_t{space.state})
        .bind(space.block)
        .bind(now)
        .run();
    return sqlite3_last_insert_rowid(db_->handle());
  }

  /// Namespaces that nothing is in any more.
  void sweep_spaces() {
    db_->prepare("DELETE FROM namespace WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.space = namespace.id)").run();
  }

  void mark_used(const Digest& hash, Time now) {
    db_->prepare("UPDATE node SET used = max(used, ?) WHERE hash = ?").bind(now).bind_blob(from_hex(hash)).run();
  }

  void add(const Node& node, std::int64_t space, Time now, std::vector<std::string>& discarded) {
    if (auto known = find(node.hash)) {
      for (const ObjectInfo& one : node.objects)
        if (known->object(one.group) == nullptr) known->objects.push_back(one);
      if (!known->cut) known->cut = node.cut;
      if (known->held.empty()) known->held = node.held;
      known->used = std::max(known->used, now);
      store(*known);
    } else {
      const std::string parent = from_hex(node.parent);
      Json extras = Json::array();
      for (const Extra& extra : node.extras) extras.push_back({extra.position, extra.length, to_hex(extra.digest)});
      Statement row = db_->prepare(
          "INSERT INTO node (hash, parent, space, first, tail, ids, extras, objects, bytes, cut, held, used, leaf) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NOT EXISTS (SELECT 1 FROM node WHERE parent = ?1))");
      row.bind_blob(from_hex(node.hash))
          .bind_blob(parent)
          .bind(space)
          .bind(node.first)
          .bind(std::int64_t{node.tail})
          .bind_blob(ids_blob(node.ids));
      if (node.extras.empty()) {
        row.bind_null();
      } else {
        row.bind(extras.dump());
      }
      row.bind(objects_text(node.objects)).bind(static_cast<std::int64_t>(bytes_of(node.objects))).bind(node.cut);
      bind_held(row, node);
      row.bind(now).run();
      db_->prepare("UPDATE node SET leaf = 0 WHERE hash = ? AND leaf = 1").bind_blob(parent).run();
      change_bytes(static_cast<std::int64_t>(bytes_of(node.objects)));
    }
    if (node.object(detail::rows_group) != nullptr) supersede(node, discarded);
  }

  static void bind_held(Statement& row, const Node& node) {
    if (node.held.empty() && !node.cut &&
        !std::ranges::any_of(node.objects, [](const ObjectInfo& o) { return of_end(o.group); })) {
      row.bind_null();
    } else {
      row.bind(Json(node.held).dump());
    }
  }

  /// What of a node may change.
  void store(const Node& node) {
    std::int64_t before = 0;
    {
      Statement row = db_->prepare("SELECT bytes FROM node WHERE hash = ?");
      row.bind_blob(from_hex(node.hash));
      if (row.step()) before = row.integer(0);
    }
    const auto bytes = static_cast<std::int64_t>(bytes_of(node.objects));
    Statement row = db_->prepare("UPDATE node SET objects = ?, bytes = ?, cut = ?, held = ?, used = ? WHERE hash = ?");
    row.bind(objects_text(node.objects)).bind(bytes).bind(node.cut);
    bind_held(row, node);
    row.bind(node.used).bind_blob(from_hex(node.hash)).run();
    change_bytes(bytes - before);
  }

  /// Tails whose tokens are the first ones of `node`, the longest first.
  [[nodiscard]] std::vector<Node> tails_within(const Node& node) const {
    std::vector<Node> out;
    TokenIds key = node.ids;
    while (!key.empty()) {
      key.pop_back();
      if (key.empty()) break;
      Statement row = db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? AND ids <= ? ORDER BY ids DESC LIMIT 1");
      row.bind_blob(from_hex(node.parent)).bind_blob(ids_blob(key));
      if (!row.step()) break;
      Node found = node_from(row);
      if (is_prefix(found.ids, node.ids)) {
        key = found.ids;
        // Of other extras there may be several.
        for (Node& same : nodes(db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? AND ids = ?")
                                    .bind_blob(from_hex(node.parent))
                                    .bind_blob(ids_blob(key))))
          if (same.tail) out.push_back(std::move(same));
      } else {
        const auto common = std::ranges::mismatch(found.ids, key).in1 - found.ids.begin();
        key.resize(static_cast<std::size_t>(common) + 1);  // one is taken off at once
      }
    }
    return out;
  }

  /// Rows of shorter tails are in the new node as well.
  void supersede(const Node& node, std::vector<std::string>& discarded) {
    for (Node& tail : tails_within(node)) {
      if (tail.object(detail::rows_group) == nullptr || !covers(node, tail)) continue;
      discarded.push_back(detail::object_name(tail.hash, detail::rows_group));
      std::erase_if(tail.objects, [](const ObjectInfo& one) { return one.group == detail::rows_group; });
      store(tail);
    }
  }

  /// Another node that holds the rows of a tail.
  [[nodiscard]] bool covered_by_other(const Node& tail, const Digest& but) const {
    Statement rows = db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? AND ids >= ? ORDER BY ids");
    rows.bind_blob(from_hex(tail.parent)).bind_blob(ids_blob(tail.ids));
    while (rows.step()) {
      const Node other = node_from(rows);
      if (!is_prefix(tail.ids, other.ids)) return false;
      if (other.hash != but && covers(other, tail)) return true;
    }
    return false;
  }

  /// Tails that stand on the rows of `node` alone.
  [[nodiscard]] std::vector<Node> standing_on(const Node& node) const {
    std::vector<Node> out;
    if (node.object(detail::rows_group) == nullptr) return out;
    for (Node& tail : tails_within(node))
      if (tail.object(detail::rows_group) == nullptr && covers(node, tail) && !covered_by_other(tail, node.hash))
        out.push_back(std::move(tail));
    return out;
  }

  [[nodiscard]] bool has_children(const Digest& hash) const {
    Statement row = db_->prepare("SELECT 1 FROM node WHERE parent = ? LIMIT 1");
    row.bind_blob(from_hex(hash));
    return row.step();
  }
  [[nodiscard]] bool has_entries(const Digest& hash) const {
    Statement row = db_->prepare("SELECT 1 FROM entry WHERE node = ? LIMIT 1");
    row.bind_blob(from_hex(hash));
    return row.step();
  }
  [[nodiscard]] bool pinned_at(const Digest& hash) const {
    Statement row = db_->prepare("SELECT 1 FROM entry WHERE node = ? AND pinned = 1 LIMIT 1");
    row.bind_blob(from_hex(hash));
    return row.step();
  }
  [[nodiscard]] bool carries_pin(const Node& node) const {
    return std::ranges::any_of(standing_on(node), [&](const Node& tail) { return pinned_at(tail.hash); });
  }
  [[nodiscard]] std::int64_t entry_bytes(const std::string& id) const {
    Statement row = db_->prepare("SELECT bytes FROM entry WHERE id = ?");
    row.bind(id);
    return row.step() ? row.integer(0) : 0;
  }

  /// An object, or all that need the entry or node to be there.
  [[nodiscard]] bool has(const std::string& name) const {
    const std::string group = name.substr(65, name.find('.', 65) - 65);
    const Digest hash = name.substr(0, 64);
    if (group == "entry") {
      Statement row = db_->prepare("SELECT 1 FROM entry WHERE id = ?");
      row.bind(hash);
      return row.step();
    }
    if (group == "namespace") {
      Statement row = db_->prepare("SELECT 1 FROM namespace WHERE name = ?");
      row.bind_blob(from_hex(hash));
      return row.step();
    }
    const auto node = find(hash);
    return node && node->object(group) != nullptr;
  }

  static bool of_end(std::string_view group) { return group == detail::state_group || group.starts_with("edge"); }

  static void take_object(Node& node, const std::string& group, Removed& out) {
    std::erase_if(node.objects, [&](const ObjectInfo& one) {
      if (one.group != group) return false;
      out.discarded.push_back(detail::object_name(node.hash, group));
      out.bytes += one.bytes;
      return true;
    });
  }

  void strip_end(Node node, Removed& out) {
    for (const ObjectInfo& one : std::vector<ObjectInfo>(node.objects))
      if (of_end(one.group)) take_object(node, one.group, out);
    node.cut.reset();
    node.held.clear();
    store(node);
  }

  void delete_entry(const Entry& entry, Removed& out) {
    const std::int64_t bytes = entry_bytes(entry.id);
    db_->prepare("DELETE FROM entry WHERE id = ?").bind(entry.id).run();
    change_bytes(-bytes);
    out.discarded.push_back(detail::object_name(entry.id, "entry"));
    out.bytes += static_cast<std::uint64_t>(bytes);
  }

  void delete_node(const Node& node, Removed& out) {
    for (const ObjectInfo& one : node.objects) {
      out.discarded.push_back(detail::object_name(node.hash, one.group));
      out.bytes += one.bytes;
    }
    db_->prepare("DELETE FROM node WHERE hash = ?").bind_blob(from_hex(node.hash)).run();
    change_bytes(-static_cast<std::int64_t>(bytes_of(node.objects)));
    // What its child was used for, the parent was used for.
    if (!has_children(node.parent))
      db_->prepare("UPDATE node SET leaf = 1, used = max(used, ?) WHERE hash = ?")
          .bind(node.used)
          .bind_blob(from_hex(node.parent))
          .run();
  }

  /// No entry ends at a node any more: its state goes, and it, and those before it that nothing else needs.
  void drop_end(const Digest& hash, std::span<const std::pair<Digest, ObjectInfo>> given, Removed& out) {
    for (auto node = find(hash); node && !has_entries(node->hash); node = find(node->parent)) {
      if (has_children(node->hash)) {
        if (node->hash == hash) strip_end(*node, out);
        return;
      }
      for (const Node& tail : standing_on(*node)) {
        const auto found = std::ranges::find(given, tail.hash, &std::pair<Digest, ObjectInfo>::first);
        if (found == given.end()) {
          out.uncovered.push_back({tail, *node});
        } else {
          Node stored = tail;
          stored.objects.push_back(found->second);
          store(stored);
        }
        break;  // the longest: the others are its first rows, or come when this one is stored
      }
      delete_node(*node, out);
    }
  }

  void evict_node(const Node& node, Removed& out) {
    for (const Node& tail : standing_on(node)) evict_node(tail, out);
    const auto parent = find(node.parent);
    for (const Entry& entry : entries({{}, node.hash, {}, {}, {}})) {
      if (parent) {
        db_->prepare("UPDATE entry SET node = ?, held = ? WHERE id = ?")
            .bind_blob(from_hex(parent->hash))
            .bind(parent->end())
            .bind(entry.id)
            .run();
      } else {
        delete_entry(entry, out);
      }
    }
    delete_node(node, out);
  }

  void evict_below(const Node& node, Removed& out) {
    std::vector<Node> todo = {node};
    // Children first.
    for (std::size_t i = 0; i < todo.size(); ++i)
      for (Node& child : children(todo[i].hash, 1U << 30U)) todo.push_back(std::move(child));
    for (auto one = todo.rbegin(); one != todo.rend(); ++one)
      if (find(one->hash)) evict_node(*one, out);
  }

  /// Nodes where the last two entries of each label end.
  [[nodiscard]] std::set<Digest> last_of_labels() const {
    std::set<Digest> out;
    Statement rows = db_->prepare(
        "SELECT node FROM (SELECT node, row_number() OVER (PARTITION BY space, label ORDER BY created DESC) AS place FROM "
        "entry "
        "WHERE label <> '') WHERE place <= 2");
    while (rows.step()) out.insert(to_hex(rows.text(0)));
    return out;
  }

  /// Whether its tokens go on, and in one way only.
  [[nodiscard]] bool followed_on_one_path(const Node& node) const {
    if (!node.tail) {
      const std::vector<Node> first = children(node.hash, 1);
      if (first.empty()) return false;
      Statement row = db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? ORDER BY ids DESC LIMIT 1");
      row.bind_blob(from_hex(node.hash));
      return row.step() && is_prefix(first.front().ids, node_from(row).ids);
    }
    // Those that begin with its ids stand together.
    std::string end = ids_blob(node.ids);
    const std::string begin = end;
    end.append(4, '\xFF');
    Statement first =
        db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? AND ids > ? AND ids < ? ORDER BY ids LIMIT 1");
    first.bind_blob(from_hex(node.parent)).bind_blob(begin).bind_blob(end);
    if (!first.step()) return false;
    Statement last =
        db_->prepare("SELECT " NODE_COLUMNS " FROM node WHERE parent = ? AND ids > ? AND ids < ? ORDER BY ids DESC LIMIT 1");
    last.bind_blob(from_hex(node.parent)).bind_blob(begin).bind_blob(end);
    return last.step() && is_prefix(node_from(first).ids, node_from(last).ids);
  }

  void put_entry(const Entry& entry, std::uint64_t bytes, std::int64_t space, Time now) {
    const std::int64_t before = entry_bytes(entry.id);
    db_->prepare(
           "INSERT INTO entry (id, space, node, tokens, held, label, pinned, created, used, hits, format, metadata, facets, "
           "bytes) "
           "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET node = excluded.node, held = "
           "excluded.held, "
           "pinned = max(pinned, excluded.pinned), used = excluded.used, format = excluded.format, metadata = "
           "excluded.metadata, "
           "facets = excluded.facets, bytes = excluded.bytes")
        .bind(entry.id)
        .bind(space)
        .bind_blob(from_hex(entry.node))
        .bind(entry.tokens)
        .bind(entry.held)
        .bind(entry.label)
        .bind(std::int64_t{entry.pinned})
        .bind(entry.created != 0 ? entry.created : now)
        .bind(now)
        .bind(static_cast<std::int64_t>(entry.hits))
        .bind(entry.format)
        .bind(metadata_text(entry.metadata))
        .bind(entry.facets)
        .bind(static_cast<std::int64_t>(bytes))
        .run();
    change_bytes(static_cast<std::int64_t>(bytes) - before);
  }

  /// What is not worth waiting for, nor worth failing for, nor making durable at once.
  template <typename F>
  void quietly(F&& change) noexcept {
    try {
      if (db_->read_only()) return;
      db_->wait(0);
      try {
        db_->execute("PRAGMA synchronous=NORMAL");
        Transaction transaction(*db_, Transaction::Kind::write);
        change();
        transaction.commit();
      } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a last access that is not noted is no loss
      }
      db_->execute("PRAGMA synchronous=FULL");
      db_->wait(patience);
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    }
  }

  std::string path_;
  std::unique_ptr<Database> db_;
};

}  // namespace

std::unique_ptr<Index> sqlite_index(const std::string& path, bool create, bool read_only) {
  return std::make_unique<SqliteIndex>(path, create, read_only);
}

}  // namespace kvcache::store

#include "fleet/index_postgres.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/hex.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "store/object_file.h"

namespace kvcache::fleet {
namespace {

using kvcache::detail::from_hex;
using store::Digest;
using store::Node;
using store::ObjectInfo;
using store::detail::SqlConnection;
using store::detail::Statement;
using store::detail::Transaction;

constexpr std::size_t most_touches = 64;
constexpr std::chrono::seconds touch_delay{5};
constexpr std::int64_t sweep_batch = 64;
constexpr std::chrono::seconds sweep_time{5};

// As SQLite's, but for types; and the ledger. Ids of entries and names are compared byte by byte.
constexpr const char* schema = R"sql(
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE namespace (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name BYTEA NOT NULL UNIQUE, identity BYTEA NOT NULL,
  about TEXT NOT NULL, layout TEXT NOT NULL, salted BIGINT NOT NULL, state BIGINT NOT NULL, block BIGINT NOT NULL,
  created BIGINT NOT NULL);
CREATE TABLE node (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, hash BYTEA NOT NULL UNIQUE, parent BYTEA NOT NULL,
  space BIGINT NOT NULL, first BIGINT NOT NULL, tail BIGINT NOT NULL, ids BYTEA NOT NULL, extras TEXT, objects TEXT NOT NULL,
  bytes BIGINT NOT NULL, cut BIGINT, held TEXT, used BIGINT NOT NULL, loose BIGINT NOT NULL, base BYTEA);
CREATE INDEX node_children ON node (parent, substr(ids, 1, 512));
CREATE INDEX node_leaves ON node (used) WHERE loose = 1;
CREATE INDEX node_ends ON node (used) WHERE held IS NOT NULL;
CREATE INDEX node_bases ON node (base) WHERE base IS NOT NULL;
CREATE TABLE entry (id TEXT COLLATE "C" PRIMARY KEY, space BIGINT NOT NULL, node BYTEA NOT NULL, tokens BIGINT NOT NULL,
  held BIGINT NOT NULL, label TEXT NOT NULL, pinned BIGINT NOT NULL, created BIGINT NOT NULL, used BIGINT NOT NULL,
  hits BIGINT NOT NULL, format TEXT NOT NULL, metadata TEXT NOT NULL, facets TEXT NOT NULL, bytes BIGINT NOT NULL);
CREATE INDEX entry_node ON entry (node);
CREATE INDEX entry_space ON entry (space);
CREATE TABLE day (date TEXT PRIMARY KEY, asked BIGINT NOT NULL, hits BIGINT NOT NULL, tokens_asked BIGINT NOT NULL,
  tokens_found BIGINT NOT NULL);
CREATE TABLE trash (name TEXT COLLATE "C" PRIMARY KEY, bytes BIGINT NOT NULL, since TIMESTAMPTZ NOT NULL, gone BIGINT NOT NULL);
CREATE INDEX trash_time ON trash (since);
INSERT INTO setting VALUES ('bytes', '0'), ('clock', '0'), ('grace', '3600');
)sql";

std::string lines(std::span<const std::string> names) {
  return fmt::format("{}", fmt::join(names, "\n"));
}

// An array of bytea, as text.
std::string array_of(const std::vector<std::string>& blobs) {
  std::string out = "{";
  for (const std::string& blob : blobs)
    out += fmt::format("{}\"\\\\x{}\"", out.size() == 1 ? "" : ",", kvcache::detail::to_hex(blob));
  return out + "}";
}

}  // namespace

PostgresIndex::PostgresIndex(std::unique_ptr<Postgres> connection, bool uses_ledger, bool read_only)
    : connection_(std::move(connection)),
      uses_ledger_(uses_ledger),
      read_only_(read_only),
      flushed_(std::chrono::steady_clock::now()) {}

PostgresIndex::~PostgresIndex() {
  flush(true);
}

bool PostgresIndex::exists() {
  try {
    std::string found = text_setting("version");
    if (found == fmt::to_string(earlier_version) && !read_only_) {
      upgrade_tables();
      found = text_setting("version");
    }
    is_upgraded_ = found == fmt::to_string(version);
    if (is_upgraded_ || found == fmt::to_string(earlier_version)) return true;
    throw Error(ErrorKind::unreadable,
                fmt::format("{} is of version {}, this tool knows {}", label(), printable(found), version),
                "use a newer kvcache");
  } catch (const ServerError& error) {
    if (error.state() == "42P01" || error.state() == "3F000") return false;  // no such table, no such schema
    throw;
  }
}

void PostgresIndex::upgrade_tables() {
  Transaction transaction(*connection_, Transaction::Kind::write);
  if (text_setting("version") == fmt::to_string(earlier_version)) {
    connection_->execute(upgrade("BYTEA"));
    connection_->prepare("UPDATE setting SET value = ? WHERE key = 'version'").bind(fmt::to_string(version)).run();
  }
  transaction.commit();
}

void PostgresIndex::make(const std::string& id, const std::string& objects) {
  Transaction transaction(*connection_, Transaction::Kind::write);
  Statement there = connection_->prepare("SELECT 1 FROM pg_tables WHERE schemaname = ? AND tablename = 'setting'");
  if (there.bind(connection_->schema()).step()) return;
  Statement known = connection_->prepare("SELECT 1 FROM pg_namespace WHERE nspname = ?");
  if (!known.bind(connection_->schema()).step()) connection_->execute(fmt::format("CREATE SCHEMA {}", connection_->schema()));
  connection_->execute(schema);
  for (const auto& [key, value] :
       {std::pair<std::string, std::string>{"version", fmt::to_string(version)},
        std::pair<std::string, std::string>{"store", id}, std::pair<std::string, std::string>{"objects", objects}})
    connection_->prepare("INSERT INTO setting VALUES (?, ?)").bind(key).bind(value).run();
  transaction.commit();
}

void PostgresIndex::set_grace(std::chrono::seconds grace) {
  Transaction transaction(*connection_, Transaction::Kind::write);
  connection_->prepare("UPDATE setting SET value = ? WHERE key = 'grace'").bind(fmt::to_string(grace.count())).run();
  transaction.commit();
}

std::string PostgresIndex::text_setting(std::string_view key) const {
  Statement row = connection_->prepare("SELECT value FROM setting WHERE key = ?");
  row.bind(key);
  return row.step() ? row.text(0) : std::string();
}

// One round trip for all of them.
std::vector<Node> PostgresIndex::path(std::span<const Digest> hashes) const {
  std::string all;
  for (const Digest& hash : hashes) all += from_hex(hash);
  Statement rows = connection_->prepare(
      "SELECT " KVCACHE_NODE_COLUMNS
      " FROM generate_series(0, octet_length(?1) / 32 - 1) AS place JOIN node ON hash = substr(?1, place * 32 + 1, 32) "
      "ORDER BY place");
  rows.bind_blob(all);
  std::vector<Node> out;
  while (rows.step()) {
    Node node = node_from(rows);
    if (node.hash != hashes[out.size()]) break;  // one is missing
    out.push_back(std::move(node));
  }
  return out;
}

std::vector<store::Index::Neighbours> PostgresIndex::near(std::span<const Place> places, std::size_t most) const {
  std::vector<std::string> parents;
  std::vector<std::string> ids;
  for (const Place& place : places) {
    parents.push_back(from_hex(place.parent));
    ids.push_back(ids_blob(place.ids));
  }
  std::vector<Neighbours> out(places.size());
  const auto look = [&](std::string_view sql, std::vector<Node> Neighbours::*side) {
    Statement rows = connection_->prepare(sql);
    rows.bind(array_of(parents)).bind(array_of(ids)).bind(static_cast<std::int64_t>(most));
    while (rows.step()) (out[static_cast<std::size_t>(rows.integer(11)) - 1].*side).push_back(node_from(rows));
  };
  Transaction transaction(*connection_, Transaction::Kind::read);
  look("SELECT " KVCACHE_NODE_COLUMNS
       ", place.n FROM unnest(CAST(?1 AS bytea[]), CAST(?2 AS bytea[])) WITH ORDINALITY AS place(at, like_ids, n) CROSS JOIN "
       "LATERAL (SELECT * FROM node AS child WHERE child.parent = place.at AND substr(child.ids, 1, 512) <= "
       "substr(place.like_ids, 1, 512) AND child.ids <= place.like_ids ORDER BY substr(child.ids, 1, 512) DESC, child.ids DESC "
       "LIMIT ?3) AS node ORDER BY place.n, node.ids DESC",
       &Neighbours::before);
  look("SELECT " KVCACHE_NODE_COLUMNS
       ", place.n FROM unnest(CAST(?1 AS bytea[]), CAST(?2 AS bytea[])) WITH ORDINALITY AS place(at, like_ids, n) CROSS JOIN "
       "LATERAL (SELECT * FROM node AS child WHERE child.parent = place.at AND substr(child.ids, 1, 512) >= "
       "substr(place.like_ids, 1, 512) AND child.ids > place.like_ids ORDER BY substr(child.ids, 1, 512), child.ids "
       "LIMIT ?3) AS node ORDER BY place.n, node.ids",
       &Neighbours::behind);
  return out;
}

// Some at a time: all of them may be more than fits into memory.
void PostgresIndex::each_node(const std::function<void(const Node&)>& found) const {
  Transaction transaction(*connection_, Transaction::Kind::read);
  connection_
      ->prepare("DECLARE every_node NO SCROLL CURSOR FOR SELECT " KVCACHE_NODE_COLUMNS " FROM node ORDER BY first, tail, id")
      .run();
  for (bool more = true; more;) {
    Statement rows = connection_->prepare("FETCH 1000 FROM every_node");
    more = false;
    while (rows.step()) {
      more = true;
      found(node_from(rows));
    }
  }
  connection_->prepare("CLOSE every_node").run();
}

store::Index::Published PostgresIndex::publish(const Publication& publication) {
  flush(false);
  return SqlIndex::publish(publication);
}

bool PostgresIndex::still_there(const Publication& publication) {
  if (!uses_ledger_) return SqlIndex::still_there(publication);
  std::vector<std::string> names = {store::detail::object_name(publication.entry.id, "entry"),
                                    store::detail::object_name(publication.space.name, "namespace")};
  for (const Node& node : publication.nodes)
    for (const ObjectInfo& object : node.objects) names.push_back(store::detail::object_name(node.hash, object.group));
  const std::string all = lines(names);
  // Waits for whoever removes one of them just now; what is not going any more is not removed.
  connection_->prepare("DELETE FROM trash WHERE gone = 0 AND name = ANY(string_to_array(?, chr(10)))").bind(all).run();
  Statement gone =
      connection_->prepare("SELECT 1 FROM trash WHERE gone = 1 AND name = ANY(string_to_array(?, chr(10))) LIMIT 1");
  return !gone.bind(all).step();
}

void PostgresIndex::note_dropped(std::span<const Dropped> dropped) {
  if (!uses_ledger_) return;
  std::map<std::string, std::uint64_t> bytes;
  for (const Dropped& one : dropped) bytes[one.name] = one.bytes;
  std::vector<std::string> names;
  std::vector<std::string> sizes;
  for (const auto& [name, size] : bytes) {
    names.push_back(name);
    sizes.push_back(fmt::to_string(size));
  }
  connection_
      ->prepare(
          "INSERT INTO trash SELECT name, CAST(bytes AS BIGINT), clock_timestamp(), 0 FROM unnest(string_to_array(?, chr(10)), "
          "string_to_array(?, chr(10))) AS dropped(name, bytes) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes, since "
          "= "
          "excluded.since, gone = 0")
      .bind(lines(names))
      .bind(lines(sizes))
      .run();
}

void PostgresIndex::touch(std::span<const Touch> touches) noexcept {
  if (read_only_) return;
  try {
    touches_.insert(touches_.end(), touches.begin(), touches.end());
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a last access that is not noted is no loss
  }
  flush_if_due();
}

void PostgresIndex::count(std::uint64_t tokens_asked, std::uint64_t tokens_found) noexcept {
  if (read_only_) return;
  try {
    Day& day = counts_[today()];
    ++day.asked;
    day.hits += tokens_found > 0 ? 1U : 0U;
    day.tokens_asked += tokens_asked;
    day.tokens_found += tokens_found;
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
  }
  flush_if_due();
}

void PostgresIndex::flush_if_due() const noexcept {
  if (touches_.size() >= most_touches || std::chrono::steady_clock::now() - flushed_ > touch_delay) flush(false);
}

void PostgresIndex::flush(bool patient) const noexcept {
  if ((touches_.empty() && counts_.empty()) || connection_->in_transaction()) return;
  try {
    flushed_ = std::chrono::steady_clock::now();
    // Of const functions, too, which have to see what was used: the tables are not a part of this object.
    auto& self = const_cast<PostgresIndex&>(*this);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    if (patient) {
      connection_->execute("SET lock_timeout = '500ms'");
      connection_->begin(SqlConnection::Kind::write);
    } else if (!connection_->begin_unless_busy()) {
      return;
    }
    try {
      self.note(touches_);
      for (auto& [date, day] : counts_) {
        day.date = date;
        self.add_counts(day);
      }
      connection_->commit();
    } catch (...) {
      connection_->roll_back();
      throw;
    }
    touches_.clear();
    counts_.clear();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a last access that is not noted is no loss
  }
}

std::vector<store::Index::Day> PostgresIndex::history() const {
  flush(false);
  return SqlIndex::history();
}

store::Index::Removed PostgresIndex::remove(std::span<const std::string> ids,
                                            std::span<const std::pair<Digest, ObjectInfo>> given) {
  flush(false);
  return SqlIndex::remove(ids, given);
}

std::vector<Node> PostgresIndex::evictable(Phase phase, std::size_t most) const {
  flush(false);
  return SqlIndex::evictable(phase, most);
}

store::Index::Removed PostgresIndex::evict(Phase phase, std::span<const Digest> nodes) {
  flush(false);
  return SqlIndex::evict(phase, nodes);
}

void PostgresIndex::compact() {
  // The server's own autovacuum does the rest; the ids of what was removed are not to wait for it.
  for (const char* const table : {"node", "entry", "namespace", "trash"}) connection_->execute(fmt::format("VACUUM {}", table));
}

namespace {

/// Waits for longer than one statement may: whoever has it, or was cut off while it did, lets go in the end.
void wait_patiently(const std::function<void()>& statement) {
  constexpr int most_attempts = 10;  // of a minute each
  for (int attempt = 1;; ++attempt) {
    try {
      return statement();
    } catch (const ServerError& error) {
      if (error.state() != "55P03" || attempt == most_attempts) throw;
    }
  }
}

}  // namespace

std::shared_ptr<void> PostgresIndex::alone(const std::string& name) {
  const std::int64_t number = connection_->lock_number(name);
  wait_patiently([&] { connection_->prepare("SELECT pg_advisory_lock(?)").bind(number).run(); });
  return {nullptr, [this, number](void*) {
            try {
              connection_->prepare("SELECT pg_advisory_unlock(?)").bind(number).run();
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a connection that is lost has let go
            }
          }};
}

void PostgresIndex::renew(const std::string& name) {
  wait_patiently(
      [&] { connection_->prepare("UPDATE trash SET since = clock_timestamp() WHERE name = ? AND gone = 0").bind(name).run(); });
}

void PostgresIndex::is_there(const std::string& name) {
  connection_->prepare("DELETE FROM trash WHERE name = ? AND gone = 1").bind(name).run();
}

void PostgresIndex::let_go(std::span<const Going> names) {
  for (const Going& one : names) {
    const auto at = one.since.value_or(std::chrono::system_clock::now()).time_since_epoch();
    connection_
        ->prepare(
            "INSERT INTO trash VALUES (?1, ?2, CASE WHEN ?3 = 0 THEN clock_timestamp() ELSE least(clock_timestamp(), "
            "to_timestamp(?3 / 1e6)) END, 0) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes, since = excluded.since, "
            "gone "
            "= 0 WHERE trash.gone = 1")
        .bind(one.name)
        .bind(static_cast<std::int64_t>(one.bytes))
        .bind(one.since ? std::chrono::duration_cast<std::chrono::microseconds>(at).count() : std::int64_t{0})
        .run();
  }
}

std::set<std::string> PostgresIndex::names_in(std::string_view sql) const {
  std::set<std::string> out;
  Statement rows = connection_->prepare(sql);
  while (rows.step()) out.insert(rows.text(0));
  return out;
}

std::uint64_t PostgresIndex::sweep(const std::function<void(const std::string& name)>& remove, bool now) {
  const auto until = std::chrono::steady_clock::now() + sweep_time;
  while (sweep_some(remove, now) && (now || std::chrono::steady_clock::now() < until)) {
  }
  Statement row = connection_->prepare("SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM trash WHERE gone = 0");
  return row.step() ? static_cast<std::uint64_t>(row.integer(0)) : 0;
}

bool PostgresIndex::sweep_some(const std::function<void(const std::string& name)>& remove, bool now) {
  {
    // Most calls find nothing to do.
    Statement due = connection_->prepare(
        "SELECT 1 FROM trash WHERE gone = 0 AND (?1 = 1 OR since < clock_timestamp() - make_interval(secs => (SELECT "
        "CAST(value AS "
        "float8) FROM setting WHERE key = 'grace'))) LIMIT 1");
    if (!due.bind(std::int64_t{now}).step()) return false;
  }
  connection_->begin_removing_objects();
  try {
    // One janitor.
    Statement alone = connection_->prepare("SELECT CASE WHEN pg_try_advisory_xact_lock(?) THEN 1 ELSE 0 END");
    if (!alone.bind(connection_->lock_number("janitor")).step() || alone.integer(0) == 0) {
      connection_->roll_back();
      return false;
    }
    std::vector<std::string> names;
    {
      // Who is about to use one of them waits until this ends.
      Statement rows = connection_->prepare(
          "SELECT name FROM trash WHERE gone = 0 AND (?1 = 1 OR since < clock_timestamp() - make_interval(secs => (SELECT "
          "CAST(value AS float8) FROM setting WHERE key = 'grace'))) ORDER BY since LIMIT ?2 FOR UPDATE SKIP LOCKED");
      rows.bind(std::int64_t{now}).bind(sweep_batch);
      while (rows.step()) names.push_back(rows.text(0));
    }
    for (const std::string& name : names) {
      if (has(name)) {
        connection_->prepare("DELETE FROM trash WHERE name = ?").bind(name).run();
        continue;
      }
      remove(name);
      connection_->prepare("UPDATE trash SET gone = 1, since = clock_timestamp() WHERE name = ?").bind(name).run();
    }
    // Whoever began a put before that has ended.
    connection_->execute("DELETE FROM trash WHERE gone = 1 AND since < clock_timestamp() - INTERVAL '7 days'");
    connection_->commit();
    return static_cast<std::int64_t>(names.size()) == sweep_batch;
  } catch (...) {
    connection_->roll_back();
    throw;
  }
}

}  // namespace kvcache::fleet

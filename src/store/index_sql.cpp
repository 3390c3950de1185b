#include "store/index_sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/hex.h"
#include "kvcache/error.h"
#include "platform/folder.h"
#include "store/chain.h"
#include "store/object_file.h"
#include "store/rows.h"

namespace kvcache::store::detail {
namespace {

using Json = nlohmann::json;
using kvcache::detail::from_hex;
using kvcache::detail::to_hex;

#define SPACE_COLUMNS "name, identity, about, layout, salted, state, block, created"
#define ENTRY_COLUMNS                                                                                                     \
  "id, (SELECT name FROM namespace WHERE namespace.id = space), node, tokens, held, label, pinned, created, used, hits, " \
  "format, metadata, facets"

// Ids below it take three bytes, others this one and four more.
constexpr std::uint32_t first_long = 0xFF0000;

TokenIds ids_of(std::string_view blob) {
  TokenIds ids;
  ids.reserve(blob.size() / 3);
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(blob[at])); };
  for (std::size_t at = 0; at + 3 <= blob.size();) {
    if (byte(at) != 0xFF) {
      ids.push_back(static_cast<std::int32_t>(byte(at) << 16U | byte(at + 1) << 8U | byte(at + 2)));
      at += 3;
      continue;
    }
    if (at + 5 > blob.size()) break;
    ids.push_back(static_cast<std::int32_t>(byte(at + 1) << 24U | byte(at + 2) << 16U | byte(at + 3) << 8U | byte(at + 4)));
    at += 5;
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

bool of_end(std::string_view group) {
  return group == state_group || group.starts_with("edge");
}

bool is_prefix(const TokenIds& shorter, const TokenIds& longer) {
  return shorter.size() <= longer.size() && std::equal(shorter.begin(), shorter.end(), longer.begin());
}

}  // namespace

std::string SqlIndex::upgrade(std::string_view blob) {
  return fmt::format(
      "ALTER TABLE node RENAME COLUMN leaf TO loose; ALTER TABLE node ADD COLUMN base {}; CREATE INDEX node_bases ON node "
      "(base) "
      "WHERE base IS NOT NULL;",
      blob);
}

std::string SqlIndex::today() {
  return time_text(kvcache::detail::system_time()).substr(0, 10);
}

std::string SqlIndex::ids_blob(std::span<const std::int32_t> ids) {
  std::string out;
  out.reserve(3 * ids.size());
  for (const std::int32_t id : ids) {
    const auto bits = static_cast<std::uint32_t>(id);
    const bool is_long = bits >= first_long;
    if (is_long) out.push_back('\xFF');
    for (unsigned byte = is_long ? 4 : 3; byte > 0; --byte) out.push_back(static_cast<char>(bits >> 8U * (byte - 1) & 0xFFU));
  }
  return out;
}

Node SqlIndex::node_from(const Statement& row) {
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

Settings SqlIndex::settings() const {
  Settings out;
  Statement rows = db().prepare("SELECT key, value FROM setting");
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

void SqlIndex::set(const Settings& settings) {
  Change transaction(*this);
  const auto put = [&](std::string_view key, const std::optional<std::string>& value) {
    if (value) {
      db().prepare("INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
          .bind(key)
          .bind(*value)
          .run();
    } else {
      db().prepare("DELETE FROM setting WHERE key = ?").bind(key).run();
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

std::vector<Namespace> SqlIndex::namespaces(const std::optional<Digest>& identity) const {
  std::vector<Namespace> out;
  Statement rows = identity ? db().prepare("SELECT " SPACE_COLUMNS " FROM namespace WHERE identity = ? ORDER BY id")
                            : db().prepare("SELECT " SPACE_COLUMNS " FROM namespace ORDER BY id");
  if (identity) rows.bind_blob(from_hex(*identity));
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

std::vector<Node> SqlIndex::path(std::span<const Digest> hashes) const {
  std::vector<Node> out;
  Transaction transaction(db(), Transaction::Kind::read);
  for (const Digest& hash : hashes) {
    auto node = find(hash);
    if (!node) break;
    out.push_back(std::move(*node));
  }
  return out;
}

std::vector<Index::Neighbours> SqlIndex::near(std::span<const Place> places, std::size_t most) const {
  std::vector<Neighbours> out;
  Transaction transaction(db(), Transaction::Kind::read);
  for (const Place& place : places) {
    const std::string parent = from_hex(place.parent);
    const std::string ids = ids_blob(place.ids);
    out.push_back(
        {nodes(db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE parent = ? AND ids <= ? ORDER BY ids DESC LIMIT ?")
                   .bind_blob(parent)
                   .bind_blob(ids)
                   .bind(static_cast<std::int64_t>(most))),
         nodes(db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE parent = ? AND ids > ? ORDER BY ids LIMIT ?")
                   .bind_blob(parent)
                   .bind_blob(ids)
                   .bind(static_cast<std::int64_t>(most)))});
  }
  return out;
}

std::vector<Node> SqlIndex::children(const Digest& parent, std::size_t most) const {
  return nodes(db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE parent = ? ORDER BY ids LIMIT ?")
                   .bind_blob(from_hex(parent))
                   .bind(static_cast<std::int64_t>(most)));
}

std::vector<Entry> SqlIndex::entries(const EntryFilter& filter) const {
  if (filter.node)
    return read_entries(
        db().prepare("SELECT " ENTRY_COLUMNS " FROM entry WHERE node = ? ORDER BY used DESC").bind_blob(from_hex(*filter.node)),
        filter);
  if (filter.id) {
    const std::string end = *filter.id + "g";  // behind every hex digit
    return read_entries(db().prepare("SELECT " ENTRY_COLUMNS " FROM entry WHERE id >= ? AND id < ? ORDER BY used DESC")
                            .bind(*filter.id)
                            .bind(end),
                        filter);
  }
  return read_entries(db().prepare("SELECT " ENTRY_COLUMNS " FROM entry ORDER BY used DESC, id"), filter);
}

void SqlIndex::each_node(const std::function<void(const Node&)>& found) const {
  Statement rows = db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node ORDER BY first, tail, id");
  while (rows.step()) found(node_from(rows));
}

Index::Published SqlIndex::publish(const Publication& publication) {
  Published out;
  Change transaction(*this);
  for (const Digest& hash : publication.needed)
    if (!find(hash)) return out;
  for (const Node& node : publication.nodes)
    if (const auto base = base_of(node); base && !has_rows(*base, publication.nodes)) return out;
  if (!still_there(publication)) return out;
  for (const Namespace& known : namespaces(publication.space.identity.key))
    if (known.name == publication.space.name && known.block != publication.space.block) return out;
  const Time now = tick();
  const std::int64_t space = space_id(publication.space, now);
  for (const Digest& hash : publication.needed) mark_used(hash, now);
  for (const Node& node : publication.nodes) add(node, space, now, out.discarded);
  put_entry(publication.entry, publication.entry_bytes, space, now);
  out.entry = entries({{}, {}, {}, publication.entry.id, {}}).at(0);  // before another process can remove it
  transaction.commit();
  out.done = true;
  return out;
}

void SqlIndex::note(std::span<const Touch> touches) {
  const Time now = tick();
  for (const Touch& one : touches) {
    mark_used(one.node, now);
    if (!one.entry.empty())
      db().prepare("UPDATE entry SET used = ?, hits = hits + 1 WHERE id = ?").bind(now).bind(one.entry).run();
  }
}

void SqlIndex::add_counts(const Day& counts) {
  db().prepare(
          "INSERT INTO day VALUES (?, ?, ?, ?, ?) ON CONFLICT (date) DO UPDATE SET asked = day.asked + excluded.asked, "
          "hits = day.hits + excluded.hits, tokens_asked = day.tokens_asked + excluded.tokens_asked, "
          "tokens_found = day.tokens_found + excluded.tokens_found")
      .bind(counts.date)
      .bind(static_cast<std::int64_t>(counts.asked))
      .bind(static_cast<std::int64_t>(counts.hits))
      .bind(static_cast<std::int64_t>(counts.tokens_asked))
      .bind(static_cast<std::int64_t>(counts.tokens_found))
      .run();
}

std::vector<Index::Day> SqlIndex::history() const {
  std::vector<Day> out;
  Statement rows = db().prepare("SELECT date, asked, hits, tokens_asked, tokens_found FROM day ORDER BY date");
  while (rows.step())
    out.push_back({rows.text(0), static_cast<std::uint64_t>(rows.integer(1)), static_cast<std::uint64_t>(rows.integer(2)),
                   static_cast<std::uint64_t>(rows.integer(3)), static_cast<std::uint64_t>(rows.integer(4))});
  return out;
}

void SqlIndex::update(const std::string& id, const std::optional<std::string>& label, std::optional<bool> pinned) {
  Change transaction(*this);
  if (label) db().prepare("UPDATE entry SET label = ? WHERE id = ?").bind(*label).bind(id).run();
  if (pinned) db().prepare("UPDATE entry SET pinned = ? WHERE id = ?").bind(std::int64_t{*pinned}).bind(id).run();
  transaction.commit();
}

Index::Removed SqlIndex::remove(std::span<const std::string> ids, std::span<const std::pair<Digest, ObjectInfo>> given) {
  Removed out;
  Change transaction(*this);
  std::vector<Node> ends;
  for (const std::string& id : ids) {
    for (const Entry& entry : entries({{}, {}, {}, id, {}})) {
      delete_entry(entry, out);
      if (auto node = find(entry.node)) ends.push_back(std::move(*node));
    }
  }
  // What stands on rows of others goes before these.
  std::ranges::stable_sort(ends, [](const Node& a, const Node& b) {
    const auto rank = [](const Node& n) { return n.rows() != nullptr; };
    if (rank(a) != rank(b)) return !rank(a);
    return a.end() > b.end();
  });
  for (const Node& end : ends) drop_end(end.hash, given, out);
  if (!out.uncovered.empty()) {
    out.done = false;
    out.discarded.clear();
    return out;
  }
  sweep_spaces(out);
  transaction.commit();
  return out;
}

std::vector<Node> SqlIndex::evictable(Phase phase, std::size_t most) const {
  std::vector<Node> out;
  const auto limit = static_cast<std::int64_t>(most);
  if (phase == Phase::dead)
    return nodes(
        db().prepare(
                "SELECT " KVCACHE_NODE_COLUMNS
                " FROM node WHERE loose = 1 AND cut IS NULL AND bytes > 0 AND space IN (SELECT id FROM namespace WHERE "
                "state = 1) AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.node = hash AND pinned = 1) ORDER BY used LIMIT ?")
            .bind(limit));
  if (phase == Phase::leaves) {
    for (Node& node :
         nodes(db().prepare("SELECT " KVCACHE_NODE_COLUMNS
                            " FROM node WHERE loose = 1 AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.node = hash AND "
                            "pinned = 1) ORDER BY used LIMIT ?")
                   .bind(limit)))
      if (!carries_pin(node)) out.push_back(std::move(node));
    return out;
  }
  const std::set<Digest> kept = last_of_labels();
  Statement rows = db().prepare("SELECT " KVCACHE_NODE_COLUMNS
                                " FROM node WHERE held IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.node = "
                                "hash AND pinned = 1) ORDER BY used");
  while (out.size() < most && rows.step()) {
    Node node = node_from(rows);
    const bool has_state = std::ranges::any_of(node.objects, [](const ObjectInfo& one) { return of_end(one.group); });
    if (has_state && !kept.contains(node.hash) && followed_on_one_path(node)) out.push_back(std::move(node));
  }
  return out;
}

Index::Removed SqlIndex::evict(Phase phase, std::span<const Digest> hashes) {
  Removed out;
  Change transaction(*this);
  for (const Digest& hash : hashes) {
    const auto node = find(hash);
    if (!node || pinned_at(hash)) continue;
    if (phase == Phase::states) {
      strip_end(*node, out);
    } else if (!has_children(hash) && !is_base(hash) && !carries_pin(*node)) {
      evict_node(*node, out);
    }
  }
  sweep_spaces(out);
  transaction.commit();
  return out;
}

Index::Removed SqlIndex::forget(std::span<const std::string> names) {
  Removed out;
  Change transaction(*this);
  for (const std::string& name : names) {
    const std::string group = name.substr(65, name.find('.', 65) - 65);
    const Digest hash = name.substr(0, 64);
    if (group == "entry") {
      for (const Entry& entry : entries({{}, {}, {}, hash, {}})) change_bytes(-entry_bytes(entry.id));
      db().prepare("UPDATE entry SET bytes = 0 WHERE id = ?").bind(hash).run();
      continue;
    }
    auto node = find(hash);
    if (!node || node->object(group) == nullptr) continue;
    if (is_rows(group)) {
      evict_below(*node, out);
    } else {
      take_object(*node, group, out);
      if (group == state_group) node->cut.reset();
      if (of_end(group)) node->held.clear();
      store(*node);
    }
  }
  sweep_spaces(out);
  transaction.commit();
  return out;
}

void SqlIndex::reclaim(std::span<const std::string> names, const std::function<void(std::span<const std::string>)>& discard) {
  if (names.empty()) return;
  auto transaction = std::make_optional<Change>(*this);
  if (is_unsettled()) {
    tick();
    transaction->commit();
    transaction.reset();
    transaction.emplace(*this);
  }
  std::vector<std::string> free;
  for (const std::string& name : names)
    if (!has(name)) free.push_back(name);
  if (!free.empty()) discard(free);
  transaction->commit();
}

void SqlIndex::restore(const Contents& contents) {
  Change transaction(*this);
  db().execute(
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

std::vector<std::string> SqlIndex::check() const {
  std::vector<std::string> out;
  Transaction transaction(db(), Transaction::Kind::read);
  const auto count = [&](std::string_view sql) {
    Statement row = db().prepare(sql);
    return row.step() ? row.integer(0) : 0;
  };
  if (const auto n =
          count("SELECT count(*) FROM node AS n WHERE first > 0 AND NOT EXISTS (SELECT 1 FROM node WHERE hash = n.parent)");
      n > 0)
    out.push_back(fmt::format("{} nodes have no parent", n));
  if (const auto n = count("SELECT count(*) FROM entry WHERE NOT EXISTS (SELECT 1 FROM node WHERE hash = entry.node)"); n > 0)
    out.push_back(fmt::format("{} entries have no node", n));
  if (const auto n = is_upgraded()
                         ? count("SELECT count(*) FROM node AS n WHERE loose = CASE WHEN EXISTS (SELECT 1 FROM node WHERE "
                                 "parent = n.hash OR base = n.hash) THEN 1 ELSE 0 END")
                         : 0;
      n > 0)
    out.push_back(fmt::format("{} nodes are wrong about what needs them", n));
  if (const auto n =
          is_upgraded() ? count("SELECT count(*) FROM node AS n WHERE base IS NOT NULL AND NOT EXISTS (SELECT 1 FROM node AS b "
                                "WHERE b.hash = n.base AND b.objects LIKE '%[\"rows%')")
                        : 0;
      n > 0)
    out.push_back(fmt::format("rows of {} nodes go on from rows that are missing", n));
  const auto sum =
      count("SELECT CAST((SELECT coalesce(sum(bytes), 0) FROM node) + (SELECT coalesce(sum(bytes), 0) FROM entry) AS BIGINT)");
  if (sum != number("bytes")) out.push_back(fmt::format("objects of {} bytes are counted as {}", sum, number("bytes")));
  return out;
}

std::int64_t SqlIndex::number(std::string_view key) const {
  Statement row = db().prepare("SELECT value FROM setting WHERE key = ?");
  row.bind(key);
  return row.step() ? std::stoll(row.text(0)) : 0;
}

void SqlIndex::set_number(std::string_view key, std::int64_t value) {
  db().prepare("UPDATE setting SET value = ? WHERE key = ?").bind(fmt::to_string(value)).bind(key).run();
}

void SqlIndex::change_bytes(std::int64_t by) {
  if (by != 0) set_number("bytes", number("bytes") + by);
}

Time SqlIndex::tick() {
  const Time now = std::max(kvcache::detail::system_time(), number("clock") + 1);
  set_number("clock", now);
  return now;
}

void SqlIndex::tick_to(Time time) {
  if (time > number("clock")) set_number("clock", time);
}

std::vector<Node> SqlIndex::nodes(Statement& rows) {
  std::vector<Node> out;
  while (rows.step()) out.push_back(node_from(rows));
  return out;
}

std::optional<Node> SqlIndex::find(const Digest& hash) const {
  Statement row = db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE hash = ?");
  row.bind_blob(from_hex(hash));
  if (!row.step()) return std::nullopt;
  return node_from(row);
}

std::vector<Entry> SqlIndex::read_entries(Statement& rows, const EntryFilter& filter) {
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

std::int64_t SqlIndex::space_id(const Namespace& space, Time now) {
  {
    Statement row = db().prepare("SELECT id FROM namespace WHERE name = ?");
    row.bind_blob(from_hex(space.name));
    if (row.step()) return row.integer(0);
  }
  const Json about = {{"name", to_hex(space.identity.name)},
                      {"config", space.identity.config},
                      {"weights", space.identity.weights},
                      {"attributes", space.identity.attributes}};
  Statement row = db().prepare(
      "INSERT INTO namespace (name, identity, about, layout, salted, state, block, created) VALUES (?, ?, ?, ?, ?, ?, ?, "
      "?) RETURNING id");
  row.bind_blob(from_hex(space.name))
      .bind_blob(from_hex(space.identity.key))
      .bind(about.dump(-1, ' ', true, Json::error_handler_t::replace))
      .bind(space.layout)
      .bind(std::int64_t{space.salted})
      .bind(std::int64_t{space.state})
      .bind(space.block)
      .bind(now);
  (void)row.step();
  return row.integer(0);
}

void SqlIndex::sweep_spaces(Removed& out) {
  Statement rows = db().prepare(
      "DELETE FROM namespace WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.space = namespace.id) RETURNING name");
  while (rows.step()) drop(object_name(to_hex(rows.text(0)), "namespace"), 0, out.discarded);
}

void SqlIndex::mark_used(const Digest& hash, Time now) {
  db().prepare("UPDATE node SET used = CASE WHEN used < ?1 THEN ?1 ELSE used END WHERE hash = ?")
      .bind(now)
      .bind_blob(from_hex(hash))
      .run();
}

void SqlIndex::add(const Node& node, std::int64_t space, Time now, std::vector<std::string>& discarded) {
  if (auto known = find(node.hash)) {
    for (const ObjectInfo& one : node.objects) {
      if (known->object(one.group) != nullptr) continue;
      if (is_rows(one.group) && known->rows() != nullptr) {
        drop(object_name(node.hash, one.group), one.bytes, discarded);  // others were faster, and have it in other pieces
      } else {
        known->objects.push_back(one);
      }
    }
    if (!known->cut) known->cut = node.cut;
    if (known->held.empty()) known->held = node.held;
    known->used = std::max(known->used, now);
    store(*known);
  } else {
    const std::string parent = from_hex(node.parent);
    Json extras = Json::array();
    for (const Extra& extra : node.extras) extras.push_back({extra.position, extra.length, to_hex(extra.digest)});
    Statement row = db().prepare(
        "INSERT INTO node (hash, parent, space, first, tail, ids, extras, objects, bytes, cut, held, used, base, loose) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CASE WHEN EXISTS (SELECT 1 FROM node WHERE parent = ?1 OR base = ?1) "
        "THEN 0 ELSE 1 END)");
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
    row.bind(now);
    bind_base(row, base_of(node));
    row.run();
    settle(node.parent);
    if (const auto base = base_of(node)) settle(*base);
    change_bytes(static_cast<std::int64_t>(bytes_of(node.objects)));
  }
  if (node.rows() != nullptr) supersede(node, discarded);
}

void SqlIndex::bind_held(Statement& row, const Node& node) {
  if (node.held.empty() && !node.cut &&
      !std::ranges::any_of(node.objects, [](const ObjectInfo& o) { return of_end(o.group); })) {
    row.bind_null();
  } else {
    row.bind(Json(node.held).dump());
  }
}

void SqlIndex::bind_base(Statement& row, const std::optional<Digest>& base) {
  if (base) {
    row.bind_blob(from_hex(*base));
  } else {
    row.bind_null();
  }
}

void SqlIndex::store(const Node& node) {
  const std::optional<Node> before = find(node.hash);
  if (!before) return;
  const auto bytes = static_cast<std::int64_t>(bytes_of(node.objects));
  const auto base = base_of(node);
  {
    Statement row =
        db().prepare("UPDATE node SET objects = ?, bytes = ?, cut = ?, held = ?, used = ?, base = ? WHERE hash = ?");
    row.bind(objects_text(node.objects)).bind(bytes).bind(node.cut);
    bind_held(row, node);
    row.bind(node.used);
    bind_base(row, base);
    row.bind_blob(from_hex(node.hash)).run();
  }
  change_bytes(bytes - static_cast<std::int64_t>(bytes_of(before->objects)));
  if (const auto was = base_of(*before); was != base) {
    if (was) settle(*was);
    if (base) settle(*base);
  }
}

void SqlIndex::settle(const Digest& hash) {
  db().prepare(
          "UPDATE node SET loose = 1 - loose WHERE hash = ?1 AND loose = CASE WHEN EXISTS (SELECT 1 FROM node WHERE parent = "
          "?1 "
          "OR base = ?1) THEN 1 ELSE 0 END")
      .bind_blob(from_hex(hash))
      .run();
}

bool SqlIndex::is_base(const Digest& hash) const {
  Statement row = db().prepare("SELECT 1 FROM node WHERE base = ? LIMIT 1");
  row.bind_blob(from_hex(hash));
  return row.step();
}

bool SqlIndex::has_rows(const Digest& hash, std::span<const Node> coming) const {
  const auto is = [&](const Node& node) { return node.hash == hash && node.rows() != nullptr; };
  if (std::ranges::any_of(coming, is)) return true;
  const auto node = find(hash);
  return node && is(*node);
}

std::vector<Node> SqlIndex::tails_within(const Node& node) const {
  std::vector<Node> out;
  TokenIds key = node.ids;
  while (!key.empty()) {
    key.pop_back();
    if (key.empty()) break;
    Statement row =
        db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE parent = ? AND ids <= ? ORDER BY ids DESC LIMIT 1");
    row.bind_blob(from_hex(node.parent)).bind_blob(ids_blob(key));
    if (!row.step()) break;
    Node found = node_from(row);
    if (is_prefix(found.ids, node.ids)) {
      key = found.ids;
      // Of other extras there may be several.
      for (Node& same : nodes(db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE parent = ? AND ids = ?")
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

void SqlIndex::supersede(const Node& node, std::vector<std::string>& discarded) {
  for (Node& tail : tails_within(node)) {
    if (tail.rows() == nullptr || !covers(node, tail) || is_base(tail.hash)) continue;
    drop(object_name(tail.hash, tail.rows()->group), tail.rows()->bytes, discarded);
    std::erase_if(tail.objects, [](const ObjectInfo& one) { return is_rows(one.group); });
    store(tail);
  }
}

bool SqlIndex::covered_by_other(const Node& tail, const Digest& but) const {
  Statement rows = db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE parent = ? AND ids >= ? ORDER BY ids");
  rows.bind_blob(from_hex(tail.parent)).bind_blob(ids_blob(tail.ids));
  while (rows.step()) {
    const Node other = node_from(rows);
    if (!is_prefix(tail.ids, other.ids)) return false;
    if (other.hash != but && covers(other, tail)) return true;
  }
  return false;
}

std::vector<Node> SqlIndex::standing_on(const Node& node) const {
  std::vector<Node> out;
  if (node.rows() == nullptr) return out;
  for (Node& tail : tails_within(node))
    if (tail.rows() == nullptr && covers(node, tail) && !covered_by_other(tail, node.hash)) out.push_back(std::move(tail));
  return out;
}

bool SqlIndex::has_children(const Digest& hash) const {
  Statement row = db().prepare("SELECT 1 FROM node WHERE parent = ? LIMIT 1");
  row.bind_blob(from_hex(hash));
  return row.step();
}

bool SqlIndex::has_entries(const Digest& hash) const {
  Statement row = db().prepare("SELECT 1 FROM entry WHERE node = ? LIMIT 1");
  row.bind_blob(from_hex(hash));
  return row.step();
}

bool SqlIndex::is_end(const Digest& hash) const {
  Statement row = db().prepare("SELECT 1 FROM entry WHERE node = ? AND held = tokens LIMIT 1");
  row.bind_blob(from_hex(hash));
  return row.step();
}

bool SqlIndex::pinned_at(const Digest& hash) const {
  Statement row = db().prepare("SELECT 1 FROM entry WHERE node = ? AND pinned = 1 LIMIT 1");
  row.bind_blob(from_hex(hash));
  return row.step();
}

bool SqlIndex::carries_pin(const Node& node) const {
  return std::ranges::any_of(standing_on(node), [&](const Node& tail) { return pinned_at(tail.hash); });
}

std::int64_t SqlIndex::entry_bytes(const std::string& id) const {
  Statement row = db().prepare("SELECT bytes FROM entry WHERE id = ?");
  row.bind(id);
  return row.step() ? row.integer(0) : 0;
}

bool SqlIndex::has(const std::string& name) const {
  const std::string group = name.substr(65, name.find('.', 65) - 65);
  const Digest hash = name.substr(0, 64);
  if (group == "entry") {
    Statement row = db().prepare("SELECT 1 FROM entry WHERE id = ?");
    row.bind(hash);
    return row.step();
  }
  if (group == "namespace") {
    Statement row = db().prepare("SELECT 1 FROM namespace WHERE name = ?");
    row.bind_blob(from_hex(hash));
    return row.step();
  }
  const auto node = find(hash);
  return node && node->object(group) != nullptr;
}

void SqlIndex::drop(std::string name, std::uint64_t bytes, std::vector<std::string>& discarded) {
  discarded.push_back(name);
  dropped_.push_back({std::move(name), bytes});
}

void SqlIndex::take_object(Node& node, const std::string& group, Removed& out) {
  std::erase_if(node.objects, [&](const ObjectInfo& one) {
    if (one.group != group) return false;
    drop(object_name(node.hash, group), one.bytes, out.discarded);
    out.bytes += one.bytes;
    return true;
  });
}

void SqlIndex::strip_end(Node node, Removed& out) {
  for (const ObjectInfo& one : std::vector<ObjectInfo>(node.objects))
    if (of_end(one.group)) take_object(node, one.group, out);
  node.cut.reset();
  node.held.clear();
  store(node);
}

void SqlIndex::delete_entry(const Entry& entry, Removed& out) {
  const std::int64_t bytes = entry_bytes(entry.id);
  db().prepare("DELETE FROM entry WHERE id = ?").bind(entry.id).run();
  change_bytes(-bytes);
  drop(object_name(entry.id, "entry"), static_cast<std::uint64_t>(bytes), out.discarded);
  out.bytes += static_cast<std::uint64_t>(bytes);
}

void SqlIndex::delete_node(const Node& node, Removed& out) {
  for (const ObjectInfo& one : node.objects) {
    drop(object_name(node.hash, one.group), one.bytes, out.discarded);
    out.bytes += one.bytes;
  }
  db().prepare("DELETE FROM node WHERE hash = ?").bind_blob(from_hex(node.hash)).run();
  change_bytes(-static_cast<std::int64_t>(bytes_of(node.objects)));
  // What its child was used for, the parent was used for, and so was what its rows went on from.
  const auto let_go = [&](const Digest& hash) {
    settle(hash);
    db().prepare("UPDATE node SET used = CASE WHEN used < ?1 THEN ?1 ELSE used END WHERE hash = ? AND loose = 1")
        .bind(node.used)
        .bind_blob(from_hex(hash))
        .run();
  };
  let_go(node.parent);
  if (const auto base = base_of(node)) let_go(*base);
}

void SqlIndex::drop_end(const Digest& hash, std::span<const std::pair<Digest, ObjectInfo>> given, Removed& out) {
  // What is left of longer ones, whose ends were evicted, stands on the rows up to here and not on the state.
  if (auto node = find(hash); node && has_entries(hash) && !is_end(hash)) strip_end(std::move(*node), out);
  for (auto node = find(hash); node && !has_entries(node->hash); node = find(node->parent)) {
    if (has_children(node->hash) || is_base(node->hash)) {
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
    // A tail that was only there for these rows.
    if (const auto base = base_of(*node)) drop_end(*base, given, out);
  }
}

void SqlIndex::evict_node(const Node& node, Removed& out) {
  for (const Node& tail : standing_on(node)) evict_node(tail, out);
  // A shorter tail is nearer than the block before both.
  const auto parent = find(base_of(node).value_or(node.parent));
  for (const Entry& entry : entries({{}, node.hash, {}, {}, {}})) {
    if (parent) {
      db().prepare("UPDATE entry SET node = ?, held = ? WHERE id = ?")
          .bind_blob(from_hex(parent->hash))
          .bind(parent->end())
          .bind(entry.id)
          .run();
      out.cut.push_back(entry.id);
    } else {
      delete_entry(entry, out);
    }
  }
  delete_node(node, out);
}

std::vector<Node> SqlIndex::needing(const Digest& hash) const {
  std::vector<Node> out = children(hash, 1U << 30U);
  for (Node& one :
       nodes(db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE base = ? ORDER BY ids").bind_blob(from_hex(hash))))
    out.push_back(std::move(one));
  return out;
}

void SqlIndex::evict_below(const Node& node, Removed& out) {
  std::vector<Node> todo = {node};
  // What needs it first.
  for (std::size_t i = 0; i < todo.size(); ++i)
    for (Node& one : needing(todo[i].hash)) todo.push_back(std::move(one));
  for (auto one = todo.rbegin(); one != todo.rend(); ++one)
    if (find(one->hash)) evict_node(*one, out);
}

std::set<Digest> SqlIndex::last_of_labels() const {
  std::set<Digest> out;
  Statement rows = db().prepare(
      "SELECT node FROM (SELECT node, row_number() OVER (PARTITION BY space, label ORDER BY created DESC) AS place FROM "
      "entry "
      "WHERE label <> '') AS newest WHERE place <= 2");
  while (rows.step()) out.insert(to_hex(rows.text(0)));
  return out;
}

bool SqlIndex::followed_on_one_path(const Node& node) const {
  if (!node.tail) {
    const std::vector<Node> first = children(node.hash, 1);
    if (first.empty()) return false;
    Statement row = db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE parent = ? ORDER BY ids DESC LIMIT 1");
    row.bind_blob(from_hex(node.hash));
    return row.step() && is_prefix(first.front().ids, node_from(row).ids);
  }
  // Those that begin with its ids stand together.
  std::string end = ids_blob(node.ids);
  const std::string begin = end;
  end.append(5, '\xFF');
  Statement first =
      db().prepare("SELECT " KVCACHE_NODE_COLUMNS " FROM node WHERE parent = ? AND ids > ? AND ids < ? ORDER BY ids LIMIT 1");
  first.bind_blob(from_hex(node.parent)).bind_blob(begin).bind_blob(end);
  if (!first.step()) return false;
  Statement last = db().prepare("SELECT " KVCACHE_NODE_COLUMNS
                                " FROM node WHERE parent = ? AND ids > ? AND ids < ? ORDER BY ids DESC LIMIT 1");
  last.bind_blob(from_hex(node.parent)).bind_blob(begin).bind_blob(end);
  return last.step() && is_prefix(node_from(first).ids, node_from(last).ids);
}

void SqlIndex::put_entry(const Entry& entry, std::uint64_t bytes, std::int64_t space, Time now) {
  const std::int64_t before = entry_bytes(entry.id);
  db().prepare(
          "INSERT INTO entry (id, space, node, tokens, held, label, pinned, created, used, hits, format, metadata, facets, "
          "bytes) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET node = excluded.node, held = "
          "excluded.held, "
          "pinned = CASE WHEN excluded.pinned = 1 THEN 1 ELSE entry.pinned END, used = excluded.used, format = "
          "excluded.format, metadata = "
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

}  // namespace kvcache::store::detail

// Comparing index and objects, mending what differs, and making the index anew.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "platform/folder.h"
#include "store/impl.h"
#include "store/object_file.h"
#include "store/rows.h"
#include "store/space.h"

namespace kvcache::store {
namespace {

using namespace detail;

std::string group_of(const std::string& name) {
  return name.substr(65, name.find('.', 65) - 65);
}

std::string short_name(const std::string& name) {
  return fmt::format("{} ({})", name.substr(0, 12), group_of(name));
}

/// Every array as its checksum says; throws Error(unreadable).
void check_data(const StoredObject& object, const WriteOptions& how) {
  const Metadata& metadata = object.file().header().metadata;
  const auto stamp = metadata.find("1." + std::string(stamp_key));
  if (stamp == metadata.end()) return;  // entries and namespaces have no arrays
  const Stamp parsed = parse_stamp(stamp->second);
  if (!parsed.crc32) throw Error(ErrorKind::unreadable, "it has no checksums");
  std::vector<NamedTensor> arrays;
  for (const TensorEntry& entry : object.file().header().tensors) arrays.push_back({entry.key, object.file().tensor(entry)});
  WriteOptions quiet = how;
  for (const auto& [key, sum] : checksums(arrays, how.threads, {}, how.stop)) {
    const auto found = parsed.crc32->find(key);
    if (found == parsed.crc32->end() || found->second != sum)
      throw Error(ErrorKind::unreadable, fmt::format("array {} is not what was written", printable(key)));
  }
}

/// That an object is what its name says.
void check_label(const StoredObject& object, const std::string& name) {
  const LabelledNode labelled = node_of(object);
  if (labelled.node.hash != name.substr(0, 64) || labelled.group != group_of(name))
    throw Error(ErrorKind::unreadable, "it is another object than its name says");
  if (hash_of(labelled.node.parent, labelled.node.ids, labelled.node.extras, labelled.node.tail) != labelled.node.hash)
    throw Error(ErrorKind::unreadable, "its token ids are not those of its name");
  if (!is_rows(labelled.group)) return;
  const Node& node = labelled.node;
  if (labelled.rows.size() != 1 || labelled.rows.front().second != node.end() ||
      labelled.group != rows_group(labelled.rows.front().first - node.first))
    throw Error(ErrorKind::unreadable, "its rows are not those of its name");
}

/// What is wrong with an object; empty: nothing. A read that fails may succeed the next time: nobody loses data for that.
std::string damage_of(const std::function<void()>& read) {
  for (int tries = 0;; ++tries) {
    try {
      read();
      return {};
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      if (error.kind() != ErrorKind::io || tries > 0) return error.what();
    }
  }
}

class Checking {
 public:
  Checking(Index& index, Objects& objects, bool data, bool repair, const WriteOptions& how)
      : index_(index), objects_(objects), data_(data), repair_(repair), how_(how) {}

  Store::Checked run() {
    out_.problems = index_.check();
    index_problems_ = out_.problems.size();
    objects_.list([&](const std::string& name, std::uint64_t bytes) { there_.emplace(name, bytes); });
    index_.each_node([&](const Node& node) {
      for (const ObjectInfo& object : node.objects) look_at(object_name(node.hash, object.group), object.bytes, node);
    });
    // Not before: while it lists nodes the index shows them as they were when it began.
    for (const Doubt& doubt : doubts_) settle(doubt);
    for (const Entry& entry : index_.entries({})) {
      const std::string name = object_name(entry.id, "entry");
      const auto is_wanted = [&] { return !index_.entries({{}, {}, {}, entry.id, {}}).empty(); };
      if (label_settles(name, is_wanted)) continue;
      problem(name, "is missing or damaged");
      if (repair_) rewrite(name, entry_label(entry));
    }
    for (const Namespace& space : index_.namespaces()) {
      const std::string name = object_name(space.name, "namespace");
      const auto is_wanted = [&] {
        return std::ranges::count(index_.namespaces(space.identity.key), space.name, &Namespace::name) != 0;
      };
      if (label_settles(name, is_wanted)) continue;
      problem(name, "is missing or damaged");
      if (repair_) rewrite(name, space_label(space));
    }
    for (const std::string& name : objects_.strangers())
      out_.problems.push_back(fmt::format("{} is no object", printable(name)));
    for (const auto& [name, bytes] : there_)
      if (!known_.contains(name)) out_.leftovers.push_back(name);
    if (repair_) mend();
    return std::move(out_);
  }

 private:
  struct Doubt {
    std::string name;  // of an object
    Digest node;
    std::string what;  // is wrong with it
  };

  void problem(const std::string& name, const std::string& what) {
    out_.problems.push_back(fmt::format("object {} {}", short_name(name), what));
  }

  /// Whether it is fine, or nothing wants it any more. Between a look at the objects and one at the index others may have put
  /// again what they had removed: what is wrong for good is wrong each time.
  template <typename Fine, typename Wanted>
  static bool settles(Fine is_fine, Wanted is_wanted) {
    for (int look = 0; look < 4; ++look)
      if (is_fine() || !is_wanted()) return true;
    return false;
  }

  /// Of entries and namespaces.
  template <typename Wanted>
  bool label_settles(const std::string& name, Wanted is_wanted) {
    known_.insert(name);
    const auto is_there = [&] { return there_.contains(name) || objects_.size(name); };  // it may have been put since
    const bool settled = settles([&] { return is_there() && is_sound(name); }, is_wanted);
    if (is_there()) ++out_.objects;
    return settled;
  }

  bool is_sound(const std::string& name) const {
    return damage_of([&] {
             const StoredObject object(objects_.open(name), name);
             if (group_of(name) == "entry") {
               (void)entry_from_label(object.label());
             } else {
               (void)space_from_label(object.label());
             }
           })
        .empty();
  }

  void look_at(const std::string& name, std::uint64_t bytes, const Node& node) {
    known_.insert(name);
    const auto found = there_.find(name);
    std::string what;
    if (found == there_.end()) {
      what = "is missing";
    } else if (found->second != bytes) {
      what = fmt::format("has {} bytes instead of {}", found->second, bytes);
    } else {
      ++out_.objects;
      out_.bytes += bytes;
      what = damage_in(name);
    }
    if (!what.empty()) doubts_.push_back({name, node.hash, std::move(what)});
  }

  std::string damage_in(const std::string& name) const {
    if (!data_) return {};
    const std::string damage = damage_of([&] {
      const StoredObject object(objects_.open(name), name);
      check_label(object, name);
      check_data(object, how_);
    });
    return damage.empty() ? std::string() : "is damaged: " + damage;
  }

  /// What looked wrong: evicted since, or put again?
  void settle(const Doubt& doubt) {
    const auto now = [&]() -> std::optional<std::uint64_t> {
      const auto path = index_.path({&doubt.node, 1});
      const ObjectInfo* object = path.empty() ? nullptr : path.front().object(group_of(doubt.name));
      return object == nullptr ? std::nullopt : std::optional(object->bytes);
    };
    const auto is_fine = [&] { return objects_.size(doubt.name) == now() && damage_in(doubt.name).empty(); };
    if (settles(is_fine, [&] { return now().has_value(); })) return;
    problem(doubt.name, doubt.what);
    damaged_.push_back(doubt.name);
  }

  void rewrite(const std::string& name, const std::string& label) {
    const ObjectFile file = label_file(label, time_now());
    objects_.replace(name, [&](ByteSink& sink) { write_object_file(sink, file, {}); });
    ++out_.repaired;
  }

  void mend() {
    const Index::Removed removed = index_.forget(damaged_);
    std::vector<std::string> names = removed.discarded;
    names.insert(names.end(), damaged_.begin(), damaged_.end());
    names.insert(names.end(), out_.leftovers.begin(), out_.leftovers.end());
    discard(index_, objects_, names);
    say_what_is_held(index_, objects_, {removed.cut.begin(), removed.cut.end()});
    objects_.clean();
    out_.repaired += damaged_.size();
  }

  Index& index_;
  Objects& objects_;
  bool data_;
  bool repair_;
  const WriteOptions& how_;
  Store::Checked out_;
  std::size_t index_problems_ = 0;
  std::map<std::string, std::uint64_t> there_;
  std::set<std::string> known_;
  std::vector<Doubt> doubts_;
  std::vector<std::string> damaged_;
};

/// The index as the objects tell it.
class Rebuilding {
 public:
  Rebuilding(Objects& objects, Store::Checked& out) : objects_(objects), out_(out) {}

  Index::Contents run() {
    std::vector<std::pair<std::string, std::uint64_t>> names;
    objects_.list([&](const std::string& name, std::uint64_t bytes) { names.emplace_back(name, bytes); });
    for (const auto& [name, bytes] : names) {
      try {
        read_again(name, bytes);
        ++out_.objects;
        out_.bytes += bytes;
      } catch (const Error& error) {
        // What the disk does not give now is no damage, and an index without it would let it be removed.
        if (error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::io) throw;
        out_.problems.push_back(fmt::format("object {} is not readable: {}", short_name(name), error.what()));
      }
    }
    // Every object of an end says to how many tokens its state can be cut; the state itself may have been removed since.
    for (auto& [hash, node] : nodes_)
      if (node.object(state_group) == nullptr) node.cut.reset();
    spell_out();
    find_tails();
    return connected();
  }

 private:
  void read_again(const std::string& name, std::uint64_t bytes) {
    try {
      read(name, bytes);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::io) throw;
      read(name, bytes);
    }
  }

  void read(const std::string& name, std::uint64_t bytes) {
    const StoredObject object(objects_.open(name), name);
    const std::string group = group_of(name);
    if (group == "namespace") {
      Namespace space = space_from_label(object.label());
      spaces_[space.name] = std::move(space);
    } else if (group == "entry") {
      entries_.emplace_back(entry_from_label(object.label()), bytes);
    } else {
      check_label(object, name);
      LabelledNode labelled = node_of(object);
      if (labelled.all_ids) all_ids_.emplace_back(labelled.space, *labelled.all_ids);
      Node& node = nodes_[labelled.node.hash];
      if (node.hash.empty()) {
        node = std::move(labelled.node);
      } else {
        if (!node.cut) node.cut = labelled.node.cut;
        if (node.held.empty()) node.held = labelled.node.held;
      }
      const ObjectInfo* rows = is_rows(group) ? node.rows() : nullptr;
      // Of two puts at once one may have been killed before it could take away what the other had stored otherwise.
      if (rows != nullptr && rows->rows.front().first <= labelled.rows.front().first) return;
      if (rows != nullptr) std::erase_if(node.objects, [](const ObjectInfo& one) { return is_rows(one.group); });
      node.objects.push_back({group, bytes, labelled.rows});
    }
  }

  /// Blocks without objects, of namespaces without rows: an end tells all ids before it.
  void spell_out() {
    for (const auto& [name, ids] : all_ids_) {
      const auto space = spaces_.find(name);
      if (space == spaces_.end()) continue;
      const std::int64_t block = space->second.block;
      const Chain chain = chain_of(name, ids, {}, block);
      for (std::size_t i = 0; i < chain.blocks.size(); ++i) {
        Node& node = nodes_[chain.blocks[i]];
        if (!node.hash.empty()) continue;
        node.hash = chain.blocks[i];
        node.parent = chain.before(i);
        node.space = name;
        node.first = static_cast<std::int64_t>(i) * block;
        node.ids.assign(ids.begin() + node.first, ids.begin() + node.first + block);
      }
    }
  }

  /// Ends of entries whose rows are the first ones of a longer tail or block.
  void find_tails() {
    std::map<std::pair<Digest, std::int64_t>, std::vector<const Node*>> by_place;
    for (const auto& [hash, node] : nodes_) by_place[{node.space, node.first}].push_back(&node);
    std::vector<Node> found;
    for (const auto& [entry, bytes] : entries_) {
      if (nodes_.contains(entry.node)) continue;
      const auto space = spaces_.find(entry.space);
      if (space == spaces_.end()) continue;
      const std::int64_t first = entry.held / space->second.block * space->second.block;
      const std::int64_t count = entry.held - first;
      for (const Node* node : by_place[{entry.space, first}]) {
        if (count <= 0 || static_cast<std::int64_t>(node->ids.size()) < count) continue;
        Node tail;
        tail.ids.assign(node->ids.begin(), node->ids.begin() + count);
        tail.extras = extras_within(node->extras, first, count);
        if (hash_of(node->parent, tail.ids, tail.extras, true) != entry.node) continue;
        tail.hash = entry.node;
        tail.parent = node->parent;
        tail.space = entry.space;
        tail.first = first;
        tail.tail = true;
        found.push_back(std::move(tail));
        break;
      }
    }
    for (Node& tail : found) nodes_.emplace(tail.hash, tail);
  }

  /// Only what hangs together, parents first, and what an entry needs.
  Index::Contents connected() {
    Index::Contents contents;
    std::set<Digest> used_spaces;
    std::map<Digest, bool> reachable;
    const auto reaches_root = [&](const Digest& hash) {
      std::vector<Digest> way;
      Digest at = hash;
      bool ok = false;
      for (;;) {
        if (const auto known = reachable.find(at); known != reachable.end()) {
          ok = known->second;
          break;
        }
        const auto node = nodes_.find(at);
        if (node == nodes_.end() || !spaces_.contains(node->second.space) || !has_first_rows(node->second)) break;
        way.push_back(at);
        if (node->second.first == 0) {
          ok = node->second.parent == root_of(node->second.space);
          break;
        }
        at = node->second.parent;
      }
      for (const Digest& one : way) reachable[one] = ok;
      return ok;
    };
    std::set<Digest> needed;
    const Time now = time_now();
    for (auto& [entry, bytes] : entries_) {
      if (!reaches_root(entry.node)) {
        // Where there are no rows, what was evicted was all that told the tokens.
        const auto space = spaces_.find(entry.space);
        const bool evicted = space != spaces_.end() && !Layout::parse(space->second.layout).has_rows();
        if (!evicted)
          out_.problems.push_back(fmt::format("entry {} is not whole: objects of it are missing", entry.id.substr(0, 12)));
        continue;
      }
      for (Digest at = entry.node; needed.insert(at).second;) {
        Node& node = nodes_.at(at);
        node.used = std::max(node.used, entry.created);
        for (const Digest& base : bases_of(node)) {
          needed.insert(base);
          nodes_.at(base).used = std::max(nodes_.at(base).used, entry.created);
        }
        if (node.first == 0) break;
        at = node.parent;
      }
      used_spaces.insert(entry.space);
      contents.entries.emplace_back(entry, bytes);
    }
    // Longer nodes that hold the rows of tails.
    for (const auto& [hash, node] : nodes_)
      if (!needed.contains(hash) && (node.first == 0 || needed.contains(node.parent)) && reaches_root(hash) &&
          gives_rows(node, needed)) {
        needed.insert(hash);
        for (const Digest& base : bases_of(node)) needed.insert(base);
      }
    for (const Digest& hash : needed) contents.nodes.push_back(nodes_.at(hash));
    std::ranges::stable_sort(
        contents.nodes, [](const Node& a, const Node& b) { return std::pair(a.first, a.tail) < std::pair(b.first, b.tail); });
    for (Node& node : contents.nodes) node.used = node.used == 0 ? now : node.used;
    for (const Digest& name : used_spaces) contents.spaces.push_back(spaces_.at(name));
    return contents;
  }

  /// Shorter tails that its rows stand on.
  [[nodiscard]] std::vector<Digest> bases_of(const Node& node) const {
    std::vector<Digest> out;
    for (auto base = base_of(node); base;) {
      out.push_back(*base);
      const auto found = nodes_.find(*base);
      base = found == nodes_.end() ? std::nullopt : base_of(found->second);
    }
    return out;
  }

  [[nodiscard]] bool has_first_rows(const Node& node) const {
    return std::ranges::all_of(bases_of(node), [&](const Digest& base) {
      const auto found = nodes_.find(base);
      return found != nodes_.end() && found->second.rows() != nullptr;
    });
  }

  [[nodiscard]] bool gives_rows(const Node& node, const std::set<Digest>& needed) const {
    return std::ranges::any_of(needed, [&](const Digest& hash) {
      const Node& tail = nodes_.at(hash);
      return tail.tail && tail.parent == node.parent && tail.rows() == nullptr && covers(node, tail);
    });
  }

  Objects& objects_;
  Store::Checked& out_;
  std::map<Digest, Namespace> spaces_;
  std::map<Digest, Node> nodes_;
  std::vector<std::pair<Entry, std::uint64_t>> entries_;
  std::vector<std::pair<Digest, TokenIds>> all_ids_;
};

}  // namespace

Store::Checked Store::check(bool data, bool repair, const WriteOptions& how) {
  if (repair) impl_->require_writable();
  const std::shared_ptr<const void> hold = repair ? nullptr : objects().hold();
  return Checking(index(), objects(), data, repair, how).run();
}

Store::Checked Store::rebuild(const WriteOptions& how) {
  impl_->require_writable();
  Checked out;
  index().restore(Rebuilding(objects(), out).run());
  const Checked after = check(false, false, how);
  out.leftovers = after.leftovers;
  out.problems.insert(out.problems.end(), after.problems.begin(), after.problems.end());
  return out;
}

Store Store::open_without_index(const std::string& path) {
  for (const char* const suffix : {"-wal", "-shm", "-journal", ""})
    kvcache::detail::rename_file(path + "/store.db" + suffix, path + "/store.db.damaged" + suffix);
  return open(path);
}

}  // namespace kvcache::store

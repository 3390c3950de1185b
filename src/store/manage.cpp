// Removing, pinning, evicting, and what takes how much.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "common/human.h"
#include "kvcache/error.h"
#include "store/impl.h"
#include "store/object_file.h"
#include "store/rows.h"
#include "store/space.h"

namespace kvcache::store {
namespace {

using namespace detail;

void write_file(Objects& objects, const std::string& name, const ObjectFile& file, bool replace, std::uint64_t& bytes) {
  const auto write = [&](ByteSink& out) { bytes = write_object_file(out, file, {}); };
  if (replace) {
    objects.replace(name, write);
  } else if (!objects.put(name, write)) {
    bytes = objects.size(name).value_or(0);
  }
}

}  // namespace

namespace detail {

void discard(Index& index, Objects& objects, std::span<const std::string> names) {
  index.reclaim(names, [&](std::span<const std::string> free) { objects.discard(free); });
  objects.sweep();
}

std::uint64_t make_room(Store& store, std::optional<std::uint64_t> bytes, std::uint64_t free, bool full) {
  Index& index = store.index();
  Objects& objects = store.objects();
  const auto missing = [&] {
    std::uint64_t most = 0;
    if (bytes && index.bytes() > *bytes) most = index.bytes() - *bytes;
    if (const auto space = free == 0 ? std::nullopt : objects.space(); space && space->first < free)
      most = std::max(most, free - space->first);
    return most;
  };
  std::uint64_t gone = 0;
  std::set<std::string> cut;
  for (const Index::Phase phase : {Index::Phase::dead, Index::Phase::states, Index::Phase::leaves}) {
    for (std::uint64_t over = missing(); over > 0; over = missing()) {
      // A few at a time: what was the parent of the one used longest ago may be the next.
      const std::vector<Node> victims = index.evictable(phase, 8);
      if (victims.empty()) break;
      std::vector<Digest> hashes;
      std::uint64_t sum = 0;
      for (const Node& node : victims) {
        hashes.push_back(node.hash);
        for (const ObjectInfo& object : node.objects) sum += object.bytes;
        if (sum >= over) break;
      }
      const Index::Removed removed = index.evict(phase, hashes);
      cut.insert(removed.cut.begin(), removed.cut.end());
      discard(index, objects, removed.discarded);
      // Else the index's log would take what the objects have given back.
      if (full) index.compact();
      if (removed.discarded.empty() && removed.bytes == 0 && index.evictable(phase, 1).size() == 1 &&
          index.evictable(phase, 1).front().hash == hashes.front())
        break;  // somebody holds on to it
      gone += removed.bytes;
    }
  }
  say_what_is_held(index, objects, cut);
  return gone;
}

void say_what_is_held(Index& index, Objects& objects, const std::set<std::string>& ids) {
  for (const std::string& id : ids) {
    for (const Entry& entry : index.entries({{}, {}, {}, id, {}})) {
      try {
        std::uint64_t unused = 0;
        write_file(objects, object_name(id, "entry"), label_file(entry_label(entry), time_now()), true, unused);
      } catch (const Error& error) {
        // Without it an index that is made anew does without this entry.
        if (error.kind() == ErrorKind::interrupted) throw;
      }
    }
  }
}

void make_room_to_write(Store& store, const Settings& settings, std::uint64_t bytes, std::uint64_t& gone) {
  const auto text = [](std::uint64_t size) { return kvcache::detail::human_bytes(static_cast<double>(size)); };
  if (settings.max_size && bytes > *settings.max_size)
    throw Error(ErrorKind::impossible,
                fmt::format("it takes up to {} of objects, and those of the store are not to take more than {}", text(bytes),
                            text(*settings.max_size)),
                Remedy(Remedy::Action::store, {{"verb", "init"}, {"max_size", "SIZE"}}) + " sets another limit");
  std::optional<std::uint64_t> limit;
  if (settings.max_size) limit = *settings.max_size - bytes;
  std::uint64_t free = 0;
  if (const auto space = store.objects().space(); space && (settings.min_free || settings.min_free_part)) {
    free = bytes + settings.min_free.value_or(0);
    if (settings.min_free_part)
      free = std::max(free, bytes + static_cast<std::uint64_t>(*settings.min_free_part * static_cast<double>(space->second)));
  }
  if (limit || free > 0) gone += make_room(store, limit, free);
  if (limit && store.index().bytes() > *limit)
    throw Error(ErrorKind::impossible,
                fmt::format("it takes {}, and what the store holds already is pinned or in use", text(bytes)),
                Remedy(Remedy::Action::store, {{"verb", "unpin"}, {"entry", "ENTRY"}}) + " lets something go");
}

bool make_room_for_disk(Store& store, std::uint64_t bytes, std::uint64_t least, std::uint64_t& gone) {
  const std::uint64_t held = store.index().bytes();
  const auto space = store.objects().space();
  // The index, its log and names take some as well, the less the fewer nodes there can be.
  constexpr std::uint64_t mebibyte = 1U << 20U;
  const std::uint64_t needed = bytes + std::min(bytes / 4, mebibyte) + mebibyte / 8;
  if (!space || held == 0 || space->first + held < least) return false;
  std::uint64_t freed = make_room(store, std::nullopt, needed, true);
  // Where the disk has free bytes after all, it is something else of it that has run out: a quota, its nodes for files.
  if (freed == 0) freed = make_room(store, held > needed ? held - needed : 0, 0, true);
  gone += freed;
  return freed > 0;
}

}  // namespace detail

namespace {

using namespace detail;

/// The rows of a tail as an object of its own, from the node whose rows begin with them.
ObjectInfo store_apart(Index& index, Objects& objects, const Index::Uncovered& one) {
  for (const Namespace& space : index.namespaces()) {
    if (space.name != one.tail.space) continue;
    const Layout layout = Layout::parse(space.layout);
    const ObjectInfo* const rows = one.from.rows();
    if (rows == nullptr || rows->rows.empty()) continue;
    // What others have of its first rows these stand on as well.
    const std::int64_t begin = rows->rows.front().first;
    const std::string from = object_name(one.from.hash, rows->group);
    const StoredObject stored(objects.open(from), from);
    ObjectContents contents;
    contents.node = one.tail;
    contents.group = rows->group;
    contents.rows = {{begin, one.tail.end()}};
    const std::int64_t all = rows_in(*rows);
    const std::int64_t wanted = one.tail.end() - begin;
    std::size_t next = 0;
    for (const auto& [spec, where] : layout.leaves()) {
      if (spec->kind != Kind::rows) continue;
      ObjectPart part;
      for (std::size_t a = 0; a < spec->arrays.size(); ++a)
        part.arrays.push_back(stored.rows(next, a, spec->arrays.size(), spec->arrays[a], all).slice(2, 0, wanted));
      ++next;
      contents.specs.push_back(spec);
      contents.parts.push_back(std::move(part));
    }
    ObjectInfo info{contents.group, 0, contents.rows};
    write_file(objects, object_name(one.tail.hash, contents.group),
               object_file(contents, time_now(), index.settings().compress), false, info.bytes);
    return info;
  }
  throw Error(ErrorKind::io, "a namespace of the store is missing",
              Remedy(Remedy::Action::store, {{"verb", "check"}, {"rebuild", ""}}) + " makes the index anew");
}

}  // namespace

std::uint64_t Store::remove(std::span<const std::string> ids) {
  Index& index = *impl_->index;
  Objects& objects = *impl_->objects;
  impl_->require_writable();
  std::vector<std::pair<Digest, ObjectInfo>> given;
  for (int attempt = 0; attempt < 256; ++attempt) {
    Index::Removed removed = index.remove(ids, given);
    if (removed.done) {
      discard(index, objects, removed.discarded);
      return removed.bytes;
    }
    for (const Index::Uncovered& one : removed.uncovered) given.emplace_back(one.tail.hash, store_apart(index, objects, one));
  }
  throw Error(ErrorKind::io, "the store changes faster than entries can be removed", "try again");
}

void Store::pin(const std::string& id, bool pinned) {
  Index& index = *impl_->index;
  impl_->require_writable();
  index.update(id, {}, pinned);
  for (const Entry& entry : index.entries({{}, {}, {}, id, {}})) {
    std::uint64_t bytes = 0;
    write_file(*impl_->objects, object_name(entry.id, "entry"), label_file(entry_label(entry), time_now()), true, bytes);
  }
}

std::uint64_t Store::collect(std::optional<std::uint64_t> bytes) {
  Index& index = *impl_->index;
  Objects& objects = *impl_->objects;
  impl_->require_writable();
  // What nobody misses goes first: objects of puts that were killed before they said so.
  objects.clean();
  std::vector<std::string> names;
  objects.list([&](const std::string& name, std::uint64_t) { names.push_back(name); });
  discard(index, objects, names);
  const Settings settings = index.settings();
  std::uint64_t gone = 0;
  if (settings.max_age) {
    const Time oldest = time_now() - *settings.max_age;
    std::vector<std::string> old;
    for (const Entry& entry : index.entries({}))
      if (!entry.pinned && entry.used < oldest) old.push_back(entry.id);
    if (!old.empty()) gone += remove(old);
  }
  std::optional<std::uint64_t> limit = bytes;
  if (settings.max_size && (!limit || *settings.max_size < *limit)) limit = settings.max_size;
  std::uint64_t free = settings.min_free.value_or(0);
  if (const auto space = objects.space(); space && settings.min_free_part)
    free = std::max(free, static_cast<std::uint64_t>(*settings.min_free_part * static_cast<double>(space->second)));
  return gone + make_room(*this, limit, free);
}

std::vector<std::pair<Namespace, Store::Usage>> Store::usage() const {
  std::vector<std::pair<Namespace, Usage>> out;
  std::map<Digest, std::size_t> places;
  std::vector<Layout> layouts;
  for (Namespace& space : impl_->index->namespaces()) {
    places[space.name] = out.size();
    layouts.push_back(Layout::parse(space.layout));
    out.emplace_back(std::move(space), Usage{});
  }
  struct Reach {
    Digest parent;
    Digest base;  // whose rows are the first of its own
    std::uint64_t bytes = 0;
    bool reached = false;
    std::size_t place = 0;
  };
  std::map<Digest, Reach> reach;
  std::vector<Digest> lenders;
  std::vector<std::tuple<std::int64_t, std::int64_t, Digest>> order;  // first, end: parents and bases before what needs them
  impl_->index->each_node([&](const Node& node) {
    const std::size_t place = places.at(node.space);
    Usage& usage = out[place].second;
    ++usage.nodes;
    if (const ObjectInfo* own = node.rows())
      usage.stored_tokens += static_cast<std::uint64_t>(rows_in(*own));
    else if (!node.tail)
      usage.stored_tokens += node.ids.size();
    std::uint64_t rows = 0;
    for (const ObjectInfo& object : node.objects) {
      usage.objects += object.bytes;
      rows += object.bytes;
      if (is_rows(object.group)) {
        usage.rows += object.bytes;
      } else if (object.group == state_group) {
        usage.states += object.bytes;
      } else {
        usage.windows += object.bytes;
      }
    }
    if (!out[place].first.state) return;
    reach[node.hash] = {node.parent, base_of(node).value_or(Digest()), rows, node.cut.has_value(), place};
    order.emplace_back(node.first, node.end(), node.hash);
    // The state of a tail without rows stands on those of a longer node beside it: that one is no dead end.
    if (node.cut && node.tail && node.rows() == nullptr)
      for (const Node& longer : all_longer_with_rows(*impl_->index, node)) lenders.push_back(longer.hash);
  });
  for (const Digest& lender : lenders)
    if (const auto found = reach.find(lender); found != reach.end()) found->second.reached = true;
  std::ranges::sort(order);
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    const Reach& one = reach[std::get<Digest>(*at)];
    if (!one.reached) {
      out[one.place].second.dead += one.bytes;
      continue;
    }
    for (const Digest& needed : {one.parent, one.base})
      if (const auto found = reach.find(needed); found != reach.end()) found->second.reached = true;
  }
  for (const Entry& entry : impl_->index->entries({})) {
    const auto found = places.find(entry.space);
    if (found == places.end()) continue;
    Usage& usage = out[found->second].second;
    ++usage.entries;
    usage.tokens += static_cast<std::uint64_t>(entry.tokens);
    const Layout& layout = layouts[found->second];
    usage.whole += layout.row_bytes() * static_cast<std::uint64_t>(entry.tokens);
    for (std::size_t w = 0; w < layout.windows().size(); ++w)
      usage.whole +=
          layout.window_row_bytes(w) * static_cast<std::uint64_t>(std::min(entry.tokens, layout.windows()[w].max_size));
  }
  return out;
}

}  // namespace kvcache::store

// Taking over entries of another store, object by object.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "kvcache/error.h"
#include "store/impl.h"
#include "store/object_file.h"
#include "store/publishing.h"
#include "store/rows.h"

namespace kvcache::store {
namespace {

using namespace detail;

constexpr std::uint64_t about_entry = 32U << 10U;  // bytes of what is said about an entry and its namespace

class Importing {
 public:
  Importing(Store& into, const Store& from, const WriteOptions& how)
      : into_(into), from_(from), how_(how), hold_(from.objects().hold()), settings_(into.index().settings()) {
    for (Namespace& space : from.index().namespaces()) spaces_[space.name] = std::move(space);
  }

  Store::Imported run() {
    std::vector<Entry> entries = from_.index().entries({});
    // The one used last comes last: so it is here as well, and is the last to be evicted.
    std::ranges::reverse(entries);
    for (const Entry& entry : entries) {
      if (how_.stop.stop_requested()) throw Error(ErrorKind::interrupted, "interrupted");
      const auto known = into_.index().entries({{}, {}, {}, entry.id, {}});
      if (!known.empty() && known.front().held >= entry.held) {
        ++out_.known;
      } else if (has_other_blocks(spaces_.at(entry.space))) {
        put_anew(entry);
      } else {
        take(entry);
      }
    }
    return out_;
  }

 private:
  bool has_other_blocks(const Namespace& space) const {
    return std::ranges::any_of(into_.index().namespaces(space.identity.key),
                               [&](const Namespace& here) { return here.name == space.name && here.block != space.block; });
  }

  /// What an entry is made of, but for rows of its tail that a longer one has here.
  std::vector<Node> nodes_to_copy(const Entry& entry) {
    needed_.clear();
    std::vector<Node> path = path_to(from_.index(), entry.node);
    const auto longer = path.empty() || !path.back().tail ? std::nullopt : longer_with_rows(into_.index(), path.back());
    if (!longer) return with_all_rows(from_.index(), std::move(path));
    needed_.push_back(longer->hash);
    Node tail = std::move(path.back());
    path.pop_back();
    std::erase_if(tail.objects, [](const ObjectInfo& one) { return is_rows(one.group); });
    std::vector<Node> nodes = with_all_rows(from_.index(), std::move(path));
    nodes.push_back(std::move(tail));
    return nodes;
  }

  void take(const Entry& entry) {
    Index::Published published;
    std::uint64_t bytes = 0;
    std::uint64_t gone = 0;
    const auto publish = [&](bool) {
      objects_of_entry_.clear();
      const std::vector<Node> nodes = nodes_to_copy(entry);
      bytes = missing_bytes(nodes);
      make_room_to_write(into_, settings_, bytes + about_entry, gone);
      published = into_.index().publish(copied(entry, nodes));
      return published.done;
    };
    until_published(into_.index(), into_.objects(),
                    {publish, objects_of_entry_, [&] { return make_room_for_disk(into_, bytes, bytes, gone); },
                     "it can take entries over"});
    discard(into_.index(), into_.objects(), published.discarded);
    ++out_.entries;
    for (const NewObject& one : objects_of_entry_) {
      if (!one.stored) continue;
      ++out_.objects;
      out_.bytes += one.bytes;
    }
  }

  [[nodiscard]] std::uint64_t missing_bytes(const std::vector<Node>& nodes) const {
    std::uint64_t bytes = 0;
    for (const Node& node : nodes)
      for (const ObjectInfo& object : node.objects)
        if (!into_.objects().size(object_name(node.hash, object.group))) bytes += object.bytes;
    return bytes;
  }

  Index::Publication copied(const Entry& entry, const std::vector<Node>& nodes) {
    Index::Publication publication;
    publication.space = spaces_.at(entry.space);
    publication.entry = entry;
    publication.entry.hits = 0;
    publication.nodes = nodes;
    publication.needed = needed_;
    std::vector<ObjectInfo*> infos;
    for (Node& node : publication.nodes)
      for (ObjectInfo& object : node.objects) {
        infos.push_back(&object);
        copy(object_name(node.hash, object.group));
      }
    copy(object_name(entry.space, "namespace"));
    copy(object_name(entry.id, "entry"));
    store_all(into_.index(), into_.objects(), objects_of_entry_);
    for (std::size_t i = 0; i < infos.size(); ++i) infos[i]->bytes = objects_of_entry_[i].bytes;
    publication.entry_bytes = objects_of_entry_.back().bytes;
    publication.still_there = [this] {
      return std::ranges::all_of(objects_of_entry_,
                                 [this](const NewObject& one) { return into_.objects().size(one.name).has_value(); });
    };
    return publication;
  }

  /// As it is there, when it is written.
  void copy(const std::string& name) {
    objects_of_entry_.push_back({name, [this, name](ByteSink& sink) {
                                   const auto source = from_.objects().open(name);
                                   (void)SafetensorsFile::open(source);  // nothing that is no object comes in
                                   const std::uint64_t bytes = source->size();
                                   std::vector<std::byte> part(std::min<std::uint64_t>(bytes, 1U << 20U));
                                   sink.reserve(bytes);
                                   for (std::uint64_t at = 0; at < bytes; at += part.size()) {
                                     const auto size = std::min<std::uint64_t>(part.size(), bytes - at);
                                     source->read_at(at, std::span(part).first(size));
                                     sink.write_at(at, std::span(part).first(size));
                                   }
                                   sink.commit();
                                   return bytes;
                                 }});
  }

  /// Blocks of another size are of other digests: it is put together and taken apart again.
  void put_anew(const Entry& entry) {
    const Namespace& space = spaces_.at(entry.space);
    Prompt prompt;
    prompt.identity = space.identity;
    for (const Node& node : path_to(from_.index(), entry.node)) {
      prompt.tokens.insert(prompt.tokens.end(), node.ids.begin(), node.ids.end());
      for (const Extra& extra : node.extras)
        if (std::ranges::find(prompt.extras, extra) == prompt.extras.end()) prompt.extras.push_back(extra);
    }
    Got got = from_.export_entry(entry.id);
    Document document;
    document.cache = std::move(got.cache);
    document.format = got.format;
    PutOptions options;
    options.label = entry.label;
    options.pin = entry.pinned;
    options.how = how_;
    const Put done = put_into(into_, space, document, prompt, options);
    ++out_.entries;
    out_.objects += done.objects;
    out_.bytes += done.bytes;
  }

  Store& into_;
  const Store& from_;
  const WriteOptions& how_;
  std::shared_ptr<const void> hold_;
  Settings settings_;
  std::map<Digest, Namespace> spaces_;
  Store::Imported out_;
  // Of the one at hand: what is written, and what is here and may not go meanwhile.
  std::vector<NewObject> objects_of_entry_;
  std::vector<Digest> needed_;
};

}  // namespace

Store::Imported Store::import(const Store& from, const WriteOptions& how) {
  impl_->require_writable();
  return Importing(*this, from, how).run();
}

}  // namespace kvcache::store

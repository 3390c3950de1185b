// Opening a store, looking up and getting.
#include "kvcache/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "common/count_of.h"
#include "edit/stamp_now.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "platform/folder.h"
#include "platform/text_file.h"
#include "store/impl.h"
#include "store/object_file.h"
#include "store/rows.h"
#include "store/space.h"

namespace kvcache::store {
namespace {

using namespace detail;
using kvcache::detail::count_of;

constexpr std::string_view format_text = "kvcache store 1\n";

void check_format(const std::string& folder, bool create) {
  const std::string path = folder + "/FORMAT";
  if (!kvcache::detail::file_size(path)) {
    if (!create)
      throw Error(ErrorKind::usage, fmt::format("there is no store in {}", printable(folder, 4096)),
                  Remedy(Remedy::Action::store, {{"verb", "init"}}) + " makes one, and so does the first put");
    const auto sink = file_sink(path, {});
    try {
      sink->write_at(0, std::as_bytes(std::span(format_text)));
      sink->commit();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) throw;  // another process was faster
    }
    return;
  }
  const std::string text = kvcache::detail::read_text_file(path, {1U << 20U, ErrorKind::unreadable, "it is no store"});
  if (text != format_text)
    throw Error(ErrorKind::unreadable, fmt::format("{} is no store that this tool knows", printable(folder, 4096)),
                text.starts_with("kvcache store ") ? "use a newer kvcache" : "name the folder of a store");
}

/// What of a store may not be written to, and why; empty: nothing. All of it has to be, for anything to be changed.
std::string obstacle_in(const std::string& folder) {
  for (const char* const part : {"", "/store.db", "/objects", "/trash"})
    if (const auto why = kvcache::detail::write_obstacle(folder + part))
      return *part == '\0' ? *why : fmt::format("{}: {}", part + 1, *why);
  return {};
}

std::string environment(const char* name) {
  // Nothing of ours sets variables, so reading one is safe.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string() : std::string(value);
}

/// A namespace in which the prompt may be found.
struct Candidate {
  Namespace space;
  Layout layout;
};

std::vector<Candidate> candidates(const Index& index, const Query& query) {
  std::vector<Candidate> out;
  for (Namespace& space : index.namespaces(query.prompt.identity.key)) {
    if (query.space && !space.name.starts_with(*query.space)) continue;
    if (space_name(space.identity.key, space.layout, query.prompt.salt) != space.name) continue;
    Layout layout = Layout::parse(space.layout);
    out.push_back({std::move(space), std::move(layout)});
  }
  return out;
}

std::size_t entries_of(const Index& index, const std::vector<Namespace>& spaces) {
  std::size_t count = 0;
  for (const Namespace& space : spaces) count += index.entries({space.name, {}, {}, {}, {}}).size();
  return count;
}

std::string entries_text(std::size_t count) {
  return count == 1 ? "1 entry" : fmt::format("{} entries", count);
}

/// Why there is no namespace to look in.
std::string why_no_namespace(const Index& index, const Query& query) {
  const Identity& identity = query.prompt.identity;
  const std::vector<Namespace> all = index.namespaces();
  if (all.empty()) return "the store is empty";
  const auto matching = [&](auto&& is) {
    std::vector<Namespace> out;
    std::ranges::copy_if(all, std::back_inserter(out), is);
    return out;
  };
  if (const auto same = matching([&](const Namespace& one) { return one.identity.key == identity.key; }); !same.empty()) {
    if (query.space) return fmt::format("no namespace of this model and salt begins with {}", *query.space);
    const std::size_t count = entries_of(index, same);
    return fmt::format("{} of this model {} under another salt", entries_text(count), count == 1 ? "is stored" : "are stored");
  }
  const auto changed = [&](std::string_view what, const std::vector<Namespace>& spaces) {
    const std::size_t count = entries_of(index, spaces);
    return fmt::format("the model's {} changed: {} of it under another identity", what, entries_text(count));
  };
  const bool known = !identity.config.empty();
  if (known) {
    if (const auto same = matching([&](const Namespace& one) {
          return one.identity.weights == identity.weights && one.identity.config == identity.config;
        });
        !same.empty())
      return changed("adapter", same);
    if (const auto same = matching(
            [&](const Namespace& one) { return !identity.weights.empty() && one.identity.weights == identity.weights; });
        !same.empty())
      return changed("config", same);
    if (const auto same = matching([&](const Namespace& one) { return one.identity.config == identity.config; }); !same.empty())
      return changed("weights", same);
  }
  if (const auto same = matching([&](const Namespace& one) { return one.identity.name == identity.name; }); !same.empty())
    return known ? changed("config and weights", same)
                 : fmt::format("{} of this name are under another identity", entries_text(entries_of(index, same)));
  return fmt::format("nothing is stored of this model; {} of others", entries_text(entries_of(index, all)));
}

std::uint64_t array_bytes(const Layout& layout, const Plan& plan) {
  std::uint64_t bytes = layout.row_bytes() * static_cast<std::uint64_t>(layout.has_rows() ? plan.tokens : 0);
  for (std::size_t w = 0; w < plan.windows.size(); ++w)
    for (const Piece& piece : plan.windows[w])
      bytes += layout.window_row_bytes(w) * static_cast<std::uint64_t>(piece.end - piece.begin);
  if (plan.state)
    if (const ObjectInfo* state = plan.state->object(state_group)) bytes += state->bytes;
  return bytes;
}

struct Look {
  Match match;
  std::optional<Candidate> in;
  std::optional<Plan> plan;
  std::optional<Entry> entry;
};

Look look(const Index& index, const Query& query) {
  Look out;
  Match& match = out.match;
  match.query = static_cast<std::int64_t>(query.prompt.tokens.size());
  const std::int64_t limit = query.exact ? match.query : match.query - std::max<std::int64_t>(query.leave, 0);
  std::vector<Candidate> all = candidates(index, query);
  if (all.empty()) {
    match.reason = why_no_namespace(index, query);
    return out;
  }
  for (Candidate& one : all) {
    Found found = find_prefix(index, one.space, one.layout, query.prompt.tokens, query.prompt.extras, limit, query.exact);
    const std::int64_t tokens = found.plan ? found.plan->tokens : 0;
    const bool better = tokens > match.resume_at || (match.resume_at == 0 && found.matched > match.matched);
    if (out.in && !better) continue;  // the first says why not, where no other is better
    match.matched = found.matched;
    match.resume_at = tokens;
    match.reason = std::move(found.reason);
    out.plan = std::move(found.plan);
    out.in = std::move(one);
  }
  if (query.exact && !out.plan) {
    match.reason =
        match.matched < match.query ? fmt::format("{} of the {} tokens are stored", match.matched, match.query) : match.reason;
  } else if (out.plan && match.resume_at < query.min_tokens) {
    match.reason = fmt::format("a cache of {} is there, fewer than the {} asked for",
                               count_of(static_cast<std::uint64_t>(match.resume_at), "token"), query.min_tokens);
    match.resume_at = 0;
    out.plan.reset();
  }
  if (out.in) match.warnings = attribute_warnings(out.in->space.identity, query.prompt.identity);
  if (!out.plan) return out;
  match.space = out.in->space.name;
  match.blocks = out.plan->blocks;
  match.bytes = array_bytes(out.in->layout, *out.plan);
  out.entry = entry_through(index, out.plan->node);
  if (out.entry) {
    match.entry = out.entry->id;
    match.format = out.entry->format;
  }
  return out;
}

const Dialect* dialect_of(const std::string& id) {
  for (const Dialect& dialect : dialects())
    if (dialect.id == id) return &dialect;
  return nullptr;
}

/// What a cache that was found is said to be: its tokens, its model. No checksums: they would cost another pass over the data.
std::string prompt_stamp(std::span<const std::int32_t> tokens, const Identity& identity) {
  Stamp stamp;
  stamp.time = kvcache::detail::stamp_time();
  stamp.tool = "kvcache store";
  stamp.tokens = stamp_tokens({tokens.begin(), tokens.end()});
  if (!identity.config.empty()) {
    stamp.model_sha256 = identity.attributes;
    stamp.model_sha256["config.json"] = identity.config;
  }
  return to_json(stamp);
}

/// `tokens`: of the sequence, at least those of the cache.
Got assembled(const Objects& objects, Look found, std::span<const std::int32_t> tokens, const Identity& identity,
              std::shared_ptr<const void> hold) {
  Got got;
  got.hold = std::move(hold);
  if (found.plan) {
    got.cache = assemble(objects, found.in->layout, *found.plan);
    if (found.entry) {
      std::vector<std::unique_ptr<Cache>> leaves;
      for (const Cache* leaf : leaves_of(got.cache)) leaves.push_back(leaf->copy());
      apply_facets(found.entry->facets, leaves);
      got.cache.layers = layers_of(found.in->layout, std::move(leaves));
      got.cache.metadata = found.entry->metadata;
      got.format = dialect_of(found.entry->format);
    }
    got.cache.metadata.insert_or_assign(std::string(stamp_key),
                                        prompt_stamp(tokens.first(static_cast<std::size_t>(found.plan->tokens)),
                                                     identity.config.empty() ? found.in->space.identity : identity));
  }
  got.match = std::move(found.match);
  return got;
}

}  // namespace

namespace detail {

Time time_now() {
  return kvcache::detail::system_time();
}

std::optional<Entry> entry_through(const Index& index, const Digest& node) {
  std::vector<Digest> level = {node};
  for (std::size_t i = 0; i < level.size() && i < 4096; ++i) {
    const auto entries = index.entries({{}, level[i], {}, {}, 1});
    if (!entries.empty()) return entries.front();
    for (const Node& child : index.children(level[i], 4)) level.push_back(child.hash);
  }
  // A node that only gives others its rows: theirs stand beside it.
  const auto self = index.path({&node, 1});
  if (self.empty()) return std::nullopt;
  for (const Node& sibling : index.children(self.front().parent, 64))
    for (Entry& entry : index.entries({{}, sibling.hash, {}, {}, 1})) return std::move(entry);
  return std::nullopt;
}

std::vector<std::string> attribute_warnings(const Identity& stored, const Identity& asked) {
  std::vector<std::string> out;
  if (stored.attributes.empty() || asked.attributes.empty()) return out;
  for (const auto& [name, digest] : asked.attributes) {
    const auto found = stored.attributes.find(name);
    if (found == stored.attributes.end() || found->second != digest)
      out.push_back(fmt::format(
          "the model's {} is not what it was when the first cache was put: the same text may have other tokens now", name));
  }
  return out;
}

}  // namespace detail

std::string detail::cache_folder() {
#ifdef __APPLE__
  const std::string home = environment("HOME");
  if (!home.empty()) return home + "/Library/Caches/kvcache";
#else
  if (const std::string cache = environment("XDG_CACHE_HOME"); cache.starts_with('/')) return cache + "/kvcache";
  if (const std::string home = environment("HOME"); !home.empty()) return home + "/.cache/kvcache";
#endif
  return {};
}

std::string default_store() {
  if (std::string path = environment("KVCACHE_STORE"); !path.empty()) return path;
  if (const std::string folder = cache_folder(); !folder.empty()) return folder + "/store";
  throw Error(ErrorKind::usage, "no folder for the store is known: neither KVCACHE_STORE nor HOME is set",
              Remedy(Remedy::Action::repeat, {{"store", "DIR"}}) + " says where it is");
}

Encoded encode_got(const Got& got, const std::optional<Target>& target, const EncodeOptions& options) {
  const Dialect* own = got.format;
  // What its class names were chosen for counts where the format stays.
  Document source;
  source.format = own;
  const auto writable = [](const Dialect* d) { return d != nullptr && d->writable; };
  const Target to = target          ? *target
                    : writable(own) ? Target(own->era)
                                    : named_alone(own == nullptr ? Family::mlx_lm : own->family);
  return encode_edited(got.cache, source, to, options);
}

void Store::Impl::require_writable() const {
  if (!read_only) return;
  const std::string place = objects->label();
  if (obstacle.empty())
    throw Error(ErrorKind::io, fmt::format("the store {} was opened to be read only", printable(place, 4096)));
  throw Error(ErrorKind::io, fmt::format("the store {} cannot be written to: {}", printable(place, 4096), obstacle),
              Remedy(Remedy::Action::store, {{"verb", "import"}, {"entry", place}, {"store", "DIR"}}) +
                  " takes it over into a folder that you may write to");
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&& other) noexcept = default;
Store& Store::operator=(Store&& other) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::string& path, const OpenOptions& options) {
  if (path.starts_with("postgresql://") || path.starts_with("postgres://"))
    throw Error(ErrorKind::usage, "the store of several hosts is not opened as a folder",
                "kvcache::fleet opens it, and the tool does where it was built with libpq; this program takes folders");
  const bool exists = kvcache::detail::file_size(path + "/FORMAT").has_value();
  std::string obstacle = exists ? obstacle_in(path) : std::string();
  const bool read_only = options.read_only || !obstacle.empty();
  const bool create = options.create && !read_only;
  auto impl = std::make_unique<Impl>();
  impl->folder = path;
  impl->read_only = read_only;
  impl->obstacle = std::move(obstacle);
  if (create) kvcache::detail::make_private_folder(path);
  check_format(path, create);
  impl->objects = folder_objects(path, create);
  // FORMAT is there before the index is: a store whose making was killed is made on.
  impl->index = sqlite_index(path + "/store.db", !read_only, read_only);
  if (kvcache::detail::on_network(path))
    impl->warning = "the store is on a network file system: only its own computer should work on it, and it is slower there";
  return Store(std::move(impl));
}

Store Store::open(std::unique_ptr<Index> index, std::unique_ptr<Objects> objects, const OpenOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->index = std::move(index);
  impl->objects = std::move(objects);
  impl->read_only = options.read_only;
  return Store(std::move(impl));
}

Index& Store::index() const noexcept {
  return *impl_->index;
}

Objects& Store::objects() const noexcept {
  return *impl_->objects;
}

const std::string& Store::warning() const noexcept {
  return impl_->warning;
}

Match Store::probe(const Query& query) const {
  return look(*impl_->index, query).match;
}

Got Store::get(const Query& query) const {
  // Held before it is looked up: what is found then stays.
  std::shared_ptr<const void> hold = impl_->objects->hold();
  Look found = look(*impl_->index, query);
  if (!impl_->read_only) {
    if (found.plan) {
      const Index::Touch touch{found.plan->node, found.match.entry};
      impl_->index->touch({&touch, 1});
    }
    impl_->index->count(static_cast<std::uint64_t>(found.match.query), static_cast<std::uint64_t>(found.match.resume_at));
  }
  return assembled(*impl_->objects, std::move(found), query.prompt.tokens, query.prompt.identity, std::move(hold));
}

Got Store::export_entry(const std::string& id) const {
  std::shared_ptr<const void> hold = impl_->objects->hold();
  const auto entries = find(id);
  if (entries.size() != 1)
    throw Error(ErrorKind::usage,
                entries.empty() ? fmt::format("no entry {}", printable(id))
                                : fmt::format("{} entries begin with {}", entries.size(), printable(id)),
                Remedy(Remedy::Action::store, {{"verb", "ls"}}) + " lists them");
  const Entry& entry = entries.front();
  Query query;
  query.exact = true;
  for (const Node& node : path_to(*impl_->index, entry.node)) {
    query.prompt.tokens.insert(query.prompt.tokens.end(), node.ids.begin(), node.ids.end());
    for (const Extra& extra : node.extras)
      if (std::ranges::find(query.prompt.extras, extra) == query.prompt.extras.end()) query.prompt.extras.push_back(extra);
  }
  Look found;
  found.match.query = entry.tokens;
  for (Namespace& space : impl_->index->namespaces()) {
    if (space.name != entry.space) continue;
    Layout layout = Layout::parse(space.layout);
    Found one = find_prefix(*impl_->index, space, layout, query.prompt.tokens, query.prompt.extras,
                            static_cast<std::int64_t>(query.prompt.tokens.size()), true);
    found.plan = std::move(one.plan);
    found.match.matched = one.matched;
    found.match.reason = std::move(one.reason);
    found.in = Candidate{std::move(space), std::move(layout)};
  }
  if (!found.plan || found.plan->tokens != entry.tokens)
    throw Error(ErrorKind::impossible,
                fmt::format("entry {} is not whole any more: {}", entry.id.substr(0, 12),
                            found.match.reason.empty()
                                ? fmt::format("{} of its {} tokens were evicted", entry.tokens - entry.held, entry.tokens)
                                : found.match.reason),
                Remedy(Remedy::Action::store, {{"verb", "pin"}}) + " keeps entries from being evicted");
  found.match.resume_at = entry.tokens;
  found.match.space = entry.space;
  found.match.entry = entry.id;
  found.match.format = entry.format;
  found.match.blocks = found.plan->blocks;
  found.match.bytes = array_bytes(found.in->layout, *found.plan);
  found.entry = entry;
  return assembled(*impl_->objects, std::move(found), query.prompt.tokens, {}, std::move(hold));
}

std::vector<Node> Store::nodes_of(const Entry& entry) const {
  return with_all_rows(*impl_->index, path_to(*impl_->index, entry.node));
}

std::vector<Entry> Store::find(std::string_view id) const {
  const bool hex =
      !id.empty() && std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return hex ? impl_->index->entries({{}, {}, {}, std::string(id), {}}) : std::vector<Entry>();
}

void Store::configure(const Settings& settings) {
  impl_->require_writable();
  impl_->index->set(settings);
}

}  // namespace kvcache::store

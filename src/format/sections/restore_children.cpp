// Rebuilding the children of CacheLists that older eras forgot: the user says what they were.
#include <fmt/format.h>

#include <array>

#include "common/nearest.h"
#include "format/index_paths.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache {
namespace {

constexpr std::string_view spec_hint =
    "children are classes in order: KVCache, ArraysCache:SLOTS, QuantizedKVCache:GROUP_SIZE, RotatingKVCache:MAX_SIZE:KEEP";

struct ChildSpec {
  std::string class_name;
  std::vector<std::int64_t> numbers;
};

[[noreturn]] void bad_spec(std::string_view item) {
  static constexpr std::array<std::string_view, 5> classes = {"KVCache", "ArraysCache", "MambaCache", "QuantizedKVCache",
                                                              "RotatingKVCache"};
  const std::string_view name = item.substr(0, item.find(':'));
  const std::string_view meant = detail::nearest(name, classes);
  throw Error(ErrorKind::usage, fmt::format("children: '{}' is not understood", printable(item)),
              meant.empty() || meant == name ? std::string(spec_hint) : fmt::format("did you mean {}?", meant));
}

std::vector<ChildSpec> parse_spec(std::string_view spec) {
  std::vector<ChildSpec> out;
  while (true) {
    const std::size_t comma = spec.find(',');
    const std::string_view item = spec.substr(0, comma);
    std::string_view rest = item;
    ChildSpec child;
    child.class_name = rest.substr(0, rest.find(':'));
    while (rest.find(':') != std::string_view::npos) {
      rest.remove_prefix(rest.find(':') + 1);
      const auto number = detail::parse_index(rest.substr(0, rest.find(':')));
      if (!number || *number > static_cast<std::uint64_t>(max_dim)) bad_spec(item);
      child.numbers.push_back(static_cast<std::int64_t>(*number));
    }
    const std::size_t n = child.numbers.size();
    const std::string& name = child.class_name;
    const bool good = (name == "KVCache" && n == 0) || ((name == "ArraysCache" || name == "MambaCache") && n <= 1) ||
                      (name == "QuantizedKVCache" && n <= 1) || (name == "RotatingKVCache" && (n == 1 || n == 2));
    if (!good) bad_spec(item);
    out.push_back(std::move(child));
    if (comma == std::string_view::npos) return out;
    spec.remove_prefix(comma + 1);
  }
}

/// The arrays of a list that lost its children, in order; a group of three is one entry (a quantized half in mlx-lm's files).
std::vector<std::vector<Tensor>> top_level_entries(const std::vector<Cache::Part>& parts) {
  std::map<std::uint64_t, std::map<std::uint64_t, Tensor>> entries;
  for (const Cache::Part& part : parts) {
    const std::string_view path = std::string_view(part.name).substr(part.name.find('.') + 1);
    const std::size_t dot = path.find('.');
    const auto index = detail::parse_index(path.substr(0, dot));
    const auto inner =
        dot == std::string_view::npos ? std::optional<std::uint64_t>(0) : detail::parse_index(path.substr(dot + 1));
    if (!index || !inner)
      throw Error(ErrorKind::impossible,
                  fmt::format("array '{}' is nested too deep to rebuild its list", printable(part.name)));
    entries[*index][*inner] = part.tensor;
  }
  std::vector<std::vector<Tensor>> out;
  for (auto& [index, group] : entries) {
    out.emplace_back();
    for (auto& [inner, tensor] : group) out.back().push_back(std::move(tensor));
  }
  return out;
}

bool keeps_every_token(const Cache& cache) {
  return (is<KVCache>(cache) || is<QuantizedKVCache>(cache)) && !cache.empty();
}

/// How many tokens the layers hold that drop none; nothing where there is none, or where they differ.
std::optional<std::int64_t> tokens_of_whole_layers(const PromptCache& cache) {
  std::optional<std::int64_t> tokens;
  for (const auto& layer : cache.layers) {
    if (!keeps_every_token(*layer)) continue;
    if (tokens && tokens != layer->size()) return std::nullopt;
    tokens = layer->size();
  }
  return tokens;
}

class ListBuilder {
 public:
  /// `tokens` is what the file's other layers say that were kept whole, if they say anything.
  ListBuilder(std::string where, std::vector<std::vector<Tensor>> entries, std::optional<std::int64_t> tokens)
      : where_(std::move(where)), entries_(std::move(entries)), tokens_(tokens) {}

  std::unique_ptr<CacheList> build(const std::vector<ChildSpec>& specs) {
    std::vector<std::unique_ptr<Cache>> children;
    children.reserve(specs.size());
    for (const ChildSpec& spec : specs) children.push_back(child(spec));
    if (next_ != entries_.size())
      fail(fmt::format("{} of {} arrays are left over behind the last child, {}", entries_.size() - next_, entries_.size(),
                       specs.back().class_name));
    // A window lost its offset: only where a sibling that drops nothing has as many rows was nothing evicted.
    std::optional<std::int64_t> offset = tokens_;
    for (const auto& c : children)
      if (keeps_every_token(*c)) offset = c->size();
    for (const auto& c : children)
      if (const auto* ring = as<RotatingKVCache>(*c); ring != nullptr && offset != ring->state().offset)
        fail(
            fmt::format("the window of {} holds {} rows, and no KVCache or QuantizedKVCache beside it shows that these are all "
                        "tokens: its offset is lost",
                        ring->state().max_size, ring->state().offset));
    return std::make_unique<CacheList>(std::move(children));
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::impossible, fmt::format("{}: {}", where_, why), std::string(spec_hint));
  }

  const std::vector<Tensor>& take(const ChildSpec& spec) {
    if (next_ == entries_.size()) fail(fmt::format("the arrays end before {}", spec.class_name));
    return entries_[next_++];
  }
  Tensor take_array(const ChildSpec& spec) {
    const auto& entry = take(spec);
    if (entry.size() != 1) fail(fmt::format("{} meets a group of {} arrays", spec.class_name, entry.size()));
    return entry[0];
  }
  Tensor take_plain(const ChildSpec& spec) {
    Tensor t = take_array(spec);
    if (t.rank() != 4 || !is_float(t.dtype()))
      fail(fmt::format("{} meets an array {} of {}", spec.class_name, to_string(t.shape()), name(t.dtype())));
    return t;
  }
  Quantized take_quantized(const ChildSpec& spec) {
    std::vector<Tensor> t = take(spec);
    while (t.size() < 3) t.push_back(take_array(spec));
    for (const Tensor& x : t)
      if (t.size() != 3 || x.rank() != 4 || (&x == &t[0]) != (x.dtype() == Dtype::U32))
        fail(fmt::format("{} meets an array {} of {}", spec.class_name, to_string(x.shape()), name(x.dtype())));
    return {t[0], t[1], t[2]};
  }

  std::unique_ptr<Cache> child(const ChildSpec& spec);

  std::string where_;
  std::vector<std::vector<Tensor>> entries_;
  std::optional<std::int64_t> tokens_;
  std::size_t next_ = 0;
};

std::unique_ptr<Cache> ListBuilder::child(const ChildSpec& spec) {
  if (spec.class_name == "ArraysCache" || spec.class_name == "MambaCache") {
    ArraysCache::State state;
    state.mamba = spec.class_name == "MambaCache";
    const std::int64_t slots = spec.numbers.empty() ? 2 : spec.numbers[0];
    for (std::int64_t i = 0; i < slots; ++i) state.slots.push_back(take_array(spec));
    return std::make_unique<ArraysCache>(std::move(state));
  }
  if (spec.class_name == "QuantizedKVCache") {
    QuantizedKVCache::State state;
    state.keys = take_quantized(spec);
    state.values = take_quantized(spec);
    state.offset = state.keys.weights.dim(2);
    state.group_size = spec.numbers.empty() ? 64 : spec.numbers[0];
    // Widths give only the ratio of bits to group size.
    const std::int64_t scales = state.keys.scales.dim(3) * state.group_size;
    state.bits = scales == 0 ? 0 : 32 * state.keys.weights.dim(3) / scales;
    if (!is_supported_bits(state.bits) || !is_supported_group_size(state.group_size))
      fail(fmt::format("group size {} makes {} bits of it, which no runtime has", state.group_size, state.bits));
    return std::make_unique<QuantizedKVCache>(std::move(state));
  }
  const Tensor keys = take_plain(spec);
  const Tensor values = take_plain(spec);
  if (keys.dim(0) != values.dim(0) || keys.dim(2) != values.dim(2))
    fail(fmt::format("{} meets keys {} and values {}", spec.class_name, to_string(keys.shape()), to_string(values.shape())));
  if (spec.class_name == "KVCache") return std::make_unique<KVCache>(KVCache::State{keys, values, "KVCache"});
  RotatingKVCache::State state;
  state.keys = keys;
  state.values = values;
  state.max_size = spec.numbers[0];
  state.keep = spec.numbers.size() > 1 ? spec.numbers[1] : 0;
  state.offset = keys.dim(2);
  state.idx = keys.dim(2);
  return std::make_unique<RotatingKVCache>(std::move(state));
}

}  // namespace

void restore_children(Document& document, std::string_view spec) {
  const std::vector<ChildSpec> specs = parse_spec(spec);
  std::vector<std::size_t> restored;
  for (const Finding& f : document.findings) {
    if (f.code != "KV312") continue;
    // A list inside a list is part of its parent's arrays, so only whole layers lose their children.
    const std::optional<std::size_t> index = f.where.children().empty() ? f.where.layer() : std::nullopt;
    // Where layers are missing (KV203), numbers are not places, and the file is refused anyway.
    if (index && *index < document.cache.layers.size() && is<OpaqueCache>(*document.cache.layers[*index]))
      restored.push_back(*index);
  }
  if (restored.empty())
    throw Error(ErrorKind::usage, "children: no CacheList of this file has lost its children", "leave them out");
  const std::optional<std::int64_t> tokens = tokens_of_whole_layers(document.cache);
  std::vector<std::unique_ptr<Cache>> lists;  // all of them before any is changed: one may refuse
  for (const std::size_t layer : restored) {
    const auto& opaque = *as<OpaqueCache>(*document.cache.layers[layer]);
    lists.push_back(
        ListBuilder(layer_name(document.cache, layer), top_level_entries(opaque.state().arrays), tokens).build(specs));
  }
  for (std::size_t i = 0; i < restored.size(); ++i) {
    const std::size_t layer = restored[i];
    document.cache.layers[layer] = std::move(lists[i]);
    document.sources[layer].decoded = true;
    std::erase_if(document.findings,
                  [where = Where::of_layer(layer)](const Finding& f) { return f.code == "KV312" && f.where == where; });
  }
}

}  // namespace kvcache

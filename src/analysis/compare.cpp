// What differs in meaning.
#include "kvcache/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "analysis/compare_values.h"
#include "analysis/logical_layer.h"
#include "cache/class_names.h"
#include "kvcache/caches.h"
#include "kvcache/format.h"
#include "kvcache/stamp.h"

namespace kvcache {
namespace {

class Comparer {
 public:
  Comparer(const PromptCache& a, const PromptCache& b, Comparison& out) : a_(a), b_(b), out_(out) {}

  void metadata();
  void layer(std::size_t index);
  void whole();
  void model_state(const CompareOptions& options);

 private:
  void differ(const Where& where, std::string what, std::string a, std::string b, bool storage = false) {
    if (storage && out_.tolerant) return;  // another way of storing values, which the tolerance is for
    out_.differences.push_back({where, std::move(what), std::move(a), std::move(b), storage});
  }
  template <typename T>
  void field(const Where& where, std::string_view what, const std::optional<T>& a, const std::optional<T>& b) {
    if (a != b) differ(where, std::string(what), text(a), text(b));
  }
  template <typename T>
  static std::string text(const std::optional<T>& value) {
    return value ? fmt::format("{}", *value) : "none";
  }
  void facts(const Where& where, const Facts& a, const Facts& b);
  void parameters(const Where& where, const Cache& a, const Cache& b);
  void unknown_metadata(const Where& where, const OpaqueCache& a, const OpaqueCache& b);

  const PromptCache& a_;
  const PromptCache& b_;
  Comparison& out_;
};

void Comparer::whole() {
  if (a_.layers.size() != b_.layers.size())
    differ({}, "layers", std::to_string(a_.layers.size()), std::to_string(b_.layers.size()));
  if (const auto ta = token_count(a_), tb = token_count(b_); ta != tb)
    differ({}, "tokens", std::to_string(ta), std::to_string(tb));
  if (a_.model_state.has_value() != b_.model_state.has_value())
    differ({}, "model state", a_.model_state ? "present" : "none", b_.model_state ? "present" : "none");
}

void Comparer::model_state(const CompareOptions& options) {
  if (!a_.model_state || !b_.model_state) return;
  std::map<std::string, std::pair<Tensor, Tensor>> entries;
  for (const auto& [key, tensor] : a_.model_state->entries) entries[key].first = tensor;
  for (const auto& [key, tensor] : b_.model_state->entries) entries[key].second = tensor;
  const auto form = [](const Tensor& t) {
    return t.defined() ? fmt::format("{} {}", name(t.dtype()), to_string(t.shape())) : std::string("none");
  };
  const Progress nobody;  // a few numbers: not worth counting
  detail::ProgressMeter meter(nobody, 0);
  for (const auto& [key, pair] : entries) {
    const auto& [a, b] = pair;
    const std::string shown = printable(key);
    if (form(a) != form(b)) {
      differ(Where::Part::model_state, shown, form(a), form(b));
    } else if (const ValueDifference values = detail::compare_values({key, a, b, {}, {}}, options, meter);
               values.differing > 0) {
      differ(Where::Part::model_state, shown, fmt::format("{} values", values.elements),
             fmt::format("{} of them differ", values.differing));
    }
  }
}

void Comparer::metadata() {
  std::set<std::string> keys;
  for (const auto* side : {&a_.metadata, &b_.metadata})
    for (const auto& [key, value] : *side) keys.insert(key);
  const auto value = [](const PromptCache& cache, const std::string& key) {
    const auto it = cache.metadata.find(key);
    return it == cache.metadata.end() ? std::string("none") : printable(it->second);
  };
  keys.erase(std::string(stamp_key));  // about a file, not about the cache in it
  for (const std::string& key : keys) {
    const auto ia = a_.metadata.find(key);
    const auto ib = b_.metadata.find(key);
    if (ia == a_.metadata.end() || ib == b_.metadata.end() || ia->second != ib->second)
      differ(Where::Part::metadata, printable(key), value(a_, key), value(b_, key));
  }
}

void Comparer::facts(const Where& where, const Facts& a, const Facts& b) {
  const std::string class_a(detail::canonical_class(a.class_name));
  const std::string class_b(detail::canonical_class(b.class_name));
  if (class_a != class_b) {
    // A quantized layer stands for the plain one that it was made from.
    const auto plain = [](const std::string& name) {
      const auto kind = detail::kind_of_class(name);
      return kind == CacheKind::kv || kind == CacheKind::quantized;
    };
    differ(where, "class", printable(class_a), printable(class_b), plain(class_a) && plain(class_b));
  } else if (a.bits != b.bits || a.group_size != b.group_size) {
    differ(where, "quantization", fmt::format("{} bits in groups of {}", text(a.bits), text(a.group_size)),
           fmt::format("{} bits in groups of {}", text(b.bits), text(b.group_size)), true);
  }
  field(where, "tokens", a.tokens, b.tokens);
  field(where, "batch", a.batch, b.batch);
  field(where, "heads", a.kv_heads, b.kv_heads);
  field(where, "key dim", a.key_dim, b.key_dim);
  field(where, "value dim", a.value_dim, b.value_dim);
  field(where, "window", a.max_size, b.max_size);
  field(where, "keep", a.keep, b.keep);
  field(where, "chunk size", a.chunk_size, b.chunk_size);
  field(where, "start position", a.start_position, b.start_position);
  if (a.dtype && b.dtype && *a.dtype != *b.dtype)
    differ(where, "dtype", std::string(name(*a.dtype)), std::string(name(*b.dtype)), true);
  for (std::size_t i = 0; i < std::min(a.children.size(), b.children.size()); ++i)
    facts(where.child(i), a.children[i], b.children[i]);
  if (a.children.size() != b.children.size())
    differ(where, "children", std::to_string(a.children.size()), std::to_string(b.children.size()));
}

// What facts do not tell: how codes are decoded, and where the size of a window came from.
void Comparer::parameters(const Where& where, const Cache& a, const Cache& b) {
  if (a.kind() != b.kind()) return;
  const auto numbers = [&]<typename Class>(
                           const Class& one,
                           std::initializer_list<std::pair<std::string_view, std::int64_t Class::State::*>> fields) {
    for (const auto& [what, member] : fields)
      if (one.state().*member != as<Class>(b)->state().*member)
        differ(where, std::string(what), std::to_string(one.state().*member), std::to_string(as<Class>(b)->state().*member));
  };
  visit(a,
        PerClass{
            [&](const TurboQuantKVCache& turbo) {
              using State = TurboQuantKVCache::State;
              numbers(turbo, {{"key bits", &State::key_bits}, {"value bits", &State::value_bits}});
              const std::uint64_t other = as<TurboQuantKVCache>(b)->state().seed;
              if (turbo.state().seed != other) differ(where, "seed", std::to_string(turbo.state().seed), std::to_string(other));
            },
            [&](const VarianceNormalizedKVCache& tiles) {
              using State = VarianceNormalizedKVCache::State;
              numbers(tiles, {{"tile size", &State::tile_size},
                              {"value bits", &State::value_bits},
                              {"iterations", &State::sinkhorn_iterations}});
            },
            [&](const RotatingKVCache& ring) {
              // A format without this field means the model's own, as the one that has it does by default.
              const auto origin = [](const RotatingKVCache& c) { return c.state().origin.value_or("modelNative"); };
              const auto& other = *as<RotatingKVCache>(b);
              if (origin(ring) != origin(other)) differ(where, "origin", origin(ring), origin(other), true);
            },
            [&](const OpaqueCache& unknown) { unknown_metadata(where, unknown, *as<OpaqueCache>(b)); },
            [&](const CacheList& list) {
              const auto& others = as<CacheList>(b)->children();
              for (std::size_t i = 0; i < std::min(list.children().size(), others.size()); ++i)
                parameters(where.child(i), *list.children()[i], *others[i]);
            },
            [](const OneOf<KVCache, QuantizedKVCache, ChunkedKVCache, ArraysCache, BatchKVCache, BatchRotatingKVCache> auto&) {
            }});
}

// What the values of an unknown class mean is unknown, too, but not whether they are the same.
void Comparer::unknown_metadata(const Where& where, const OpaqueCache& a, const OpaqueCache& b) {
  std::map<std::string, std::pair<std::string, std::string>> values;
  for (const auto& [path, value] : a.state().meta) values[path].first = printable(value);
  for (const auto& [path, value] : b.state().meta) values[path].second = printable(value);
  for (const auto& [path, pair] : values)
    if (pair.first != pair.second) differ(where, fmt::format("metadata {}", path), pair.first, pair.second);
}

void Comparer::layer(std::size_t index) {
  const Where where = Where::of_layer(index);
  facts(where, a_.layers[index]->facts(), b_.layers[index]->facts());
  parameters(where, *a_.layers[index], *b_.layers[index]);
}

}  // namespace

bool Comparison::equal() const {
  if (!differences.empty()) return false;
  for (const LayerDifference& layer : layers)
    for (const ValueDifference& v : layer.values)
      if (v.differing > 0 || !v.why_not.empty()) return false;
  return true;
}

Comparison compare(const PromptCache& a, const PromptCache& b, const CompareOptions& options) {
  Comparison out;
  out.tolerant = options.tolerance > 0;
  Comparer comparer(a, b, out);
  comparer.whole();
  comparer.metadata();
  comparer.model_state(options);
  const std::size_t layers = std::min(a.layers.size(), b.layers.size());
  for (std::size_t i = 0; i < layers; ++i) comparer.layer(i);

  std::vector<std::vector<detail::PartPair>> pairs;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < layers; ++i) {
    pairs.push_back(detail::pair_parts(detail::logical_parts(*a.layers[i]), detail::logical_parts(*b.layers[i])));
    for (const detail::PartPair& pair : pairs.back()) total += detail::compared_bytes(pair);
  }
  detail::ProgressMeter meter(options.progress, total);
  for (std::size_t i = 0; i < layers; ++i) {
    LayerDifference layer{i, printable(layer_name(a, i), 120), {}};
    for (const detail::PartPair& pair : pairs[i]) layer.values.push_back(detail::compare_values(pair, options, meter));
    out.layers.push_back(std::move(layer));
  }
  return out;
}

}  // namespace kvcache

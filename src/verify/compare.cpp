// What differs in meaning.
#include "kvcache/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kvcache/format.h"
#include "verify/compare_values.h"
#include "verify/logical_layer.h"

namespace kvcache {
namespace {

class Comparer {
 public:
  Comparer(const PromptCache& a, const PromptCache& b, Comparison& out) : a_(a), b_(b), out_(out) {}

  void metadata();
  void layer(std::size_t index);
  void whole();

 private:
  void differ(std::string where, std::string what, std::string a, std::string b, bool storage = false) {
    out_.differences.push_back({std::move(where), std::move(what), std::move(a), std::move(b), storage});
  }
  template <typename T>
  void field(const std::string& where, std::string_view what, const std::optional<T>& a, const std::optional<T>& b) {
    if (a != b) differ(where, std::string(what), text(a), text(b));
  }
  template <typename T>
  static std::string text(const std::optional<T>& value) {
    return value ? fmt::format("{}", *value) : "none";
  }
  void facts(const std::string& where, const Facts& a, const Facts& b);

  const PromptCache& a_;
  const PromptCache& b_;
  Comparison& out_;
};

std::string canonical_class(const std::string& name) {
  if (name == "ConcatenateKVCache" || name == "KVCacheSimple" || name == "StandardKvCache") return "KVCache";
  return name == "MambaCache" ? "ArraysCache" : name;
}

void Comparer::whole() {
  if (a_.layers.size() != b_.layers.size())
    differ("", "layers", std::to_string(a_.layers.size()), std::to_string(b_.layers.size()));
  if (const auto ta = token_count(a_), tb = token_count(b_); ta != tb)
    differ("", "tokens", std::to_string(ta), std::to_string(tb));
  if (a_.model_state.has_value() != b_.model_state.has_value())
    differ("", "model state", a_.model_state ? "present" : "none", b_.model_state ? "present" : "none");
}

void Comparer::metadata() {
  std::set<std::string> keys;
  for (const auto* side : {&a_.metadata, &b_.metadata})
    for (const auto& [key, value] : *side) keys.insert(key);
  const auto value = [](const PromptCache& cache, const std::string& key) {
    const auto it = cache.metadata.find(key);
    return it == cache.metadata.end() ? std::string("none") : printable(it->second);
  };
  for (const std::string& key : keys) {
    const auto ia = a_.metadata.find(key);
    const auto ib = b_.metadata.find(key);
    if (ia == a_.metadata.end() || ib == b_.metadata.end() || ia->second != ib->second)
      differ("metadata", printable(key), value(a_, key), value(b_, key));
  }
}

void Comparer::facts(const std::string& where, const Facts& a, const Facts& b) {
  const std::string class_a = canonical_class(a.class_name);
  const std::string class_b = canonical_class(b.class_name);
  if (class_a != class_b) {
    // A quantized layer stands for the plain one that it was made from.
    const auto plain = [](const std::string& name) { return name == "KVCache" || name == "QuantizedKVCache"; };
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
    facts(fmt::format("{} child {}", where, i), a.children[i], b.children[i]);
  if (a.children.size() != b.children.size())
    differ(where, "children", std::to_string(a.children.size()), std::to_string(b.children.size()));
}

void Comparer::layer(std::size_t index) {
  facts(fmt::format("layer {}", index), a_.layers[index]->facts(), b_.layers[index]->facts());
}

}  // namespace

bool Comparison::equal() const {
  for (const Difference& d : differences)
    if (!(tolerant && d.storage)) return false;
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
  const std::size_t layers = std::min(a.layers.size(), b.layers.size());
  for (std::size_t i = 0; i < layers; ++i) comparer.layer(i);

  std::vector<std::vector<detail::PartPair>> pairs;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < layers; ++i) {
    pairs.push_back(detail::pair_parts(detail::logical_parts(*a.layers[i]), detail::logical_parts(*b.layers[i])));
    for (const detail::PartPair& pair : pairs.back()) total += pair.a.defined() ? pair.a.elements() : 0;
  }
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < layers; ++i) {
    LayerDifference layer{i, printable(layer_name(a, i), 120), {}};
    for (const detail::PartPair& pair : pairs[i]) {
      layer.values.push_back(detail::compare_values(pair, options));
      done += pair.a.defined() ? pair.a.elements() : 0;
      if (options.progress) options.progress(done, total);
    }
    out.layers.push_back(std::move(layer));
  }
  return out;
}

}  // namespace kvcache

#include "store/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cache/class_names.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache::store::detail {
namespace {

using kvcache::detail::class_name_of;
using Json = nlohmann::json;  // keys in order: canonical

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

[[noreturn]] void refuse_batch(const std::string& where, std::int64_t sequences) {
  throw Error(ErrorKind::impossible,
              sequences == 1 ? fmt::format("{} is a batch", where) : fmt::format("{} holds {} sequences", where, sequences),
              Remedy("a store keeps one sequence at a time: ") + Remedy(Remedy::Action::extract_all) + " first");
}

RowArray row_array(const Tensor& array, const std::string& where) {
  if (array.rank() != 4)
    throw Error(ErrorKind::impossible, fmt::format("{} has an array of shape {}", where, to_string(array.shape())),
                Remedy(Remedy::Action::verify) + " says what is wrong with it");
  if (array.dim(0) != 1) refuse_batch(where, array.dim(0));
  return {array.dtype(), array.dim(1), array.dim(3)};
}

std::string dtypes_of(const std::vector<Tensor>& arrays) {
  Json out = Json::array();
  for (const Tensor& array : arrays) out.push_back(array.defined() ? Json(std::string(name(array.dtype()))) : Json(nullptr));
  return out.dump();
}

// Caches whose state is taken as a whole: what must be the same for one to be put where another was.
Json state_facts(const ArraysCache& arrays) {
  // Shapes are the model's own affair and may grow with the tokens.
  return {{"slots", arrays.state().slots.size()}, {"dtypes", Json::parse(dtypes_of(arrays.state().slots))}};
}
Json state_facts(const ChunkedKVCache& chunked) {
  const auto& s = chunked.state();
  return {{"chunk_size", s.has_no_chunk_size() ? Json(nullptr) : Json(*s.chunk_size)},
          {"keys", {std::string(name(s.keys.dtype())), s.keys.dim(1), s.keys.dim(3)}},
          {"values", {std::string(name(s.values.dtype())), s.values.dim(1), s.values.dim(3)}}};
}
Json state_facts(const TurboQuantKVCache& turbo) {
  const auto& s = turbo.state();
  return {{"bits", s.bits}, {"key_bits", s.key_bits}, {"value_bits", s.value_bits}, {"seed", s.seed}};
}
Json state_facts(const VarianceNormalizedKVCache& tiles) {
  const auto& s = tiles.state();
  return {{"tile_size", s.tile_size}, {"key_bits", s.key_bits}, {"value_bits", s.value_bits}};
}

std::int64_t sequences_of(const Cache& cache) {
  return cache.batch_size().value_or(1);
}

Spec spec_of(const Cache& cache, const std::string& where);

Spec spec_of_list(const CacheList& list, const std::string& where) {
  Spec spec;
  spec.kind = Kind::list;
  spec.class_name = class_name_of(list.kind());
  for (std::size_t i = 0; i < list.children().size(); ++i)
    spec.children.push_back(spec_of(*list.children()[i], fmt::format("{} child {}", where, i)));
  return spec;
}

void quantized_spec(const QuantizedKVCache& quantized, const std::string& where, Spec& spec) {
  const auto& state = quantized.state();
  if (const auto refusal = quantized.why_not_cut())
    throw Error(ErrorKind::impossible, fmt::format("{}: {}", where, refusal->why), refusal->remedy);
  if (state.has_unnamed_mode())
    throw Error(ErrorKind::impossible, fmt::format("{} is quantized in a mode without biases, which nothing here reads", where),
                "process the prompt again, or put a plain cache");
  for (const Quantized* side : {&state.keys, &state.values})
    for (const Tensor* array : {&side->weights, &side->scales, &side->biases}) spec.arrays.push_back(row_array(*array, where));
  spec.bits = state.bits;
  spec.group_size = state.group_size;
}

/// The layout of a cache, class by class.
class SpecOf {
 public:
  SpecOf(const Cache& cache, const std::string& where)
      : where_(where), named_(fmt::format("{} ({})", where, cache.class_name())), used_(!cache.empty()) {
    // The class as the reference calls it: what a file calls it is no part of a layout.
    spec.class_name = class_name_of(cache.kind());
  }

  void operator()(const KVCache& plain) {
    if (!used_by_one(plain)) return;
    spec.kind = Kind::rows;
    spec.arrays = {row_array(plain.state().keys, named_), row_array(plain.state().values, named_)};
  }
  void operator()(const QuantizedKVCache& quantized) {
    if (used_by_one(quantized)) {
      spec.kind = Kind::rows;
      quantized_spec(quantized, named_, spec);
    }
    spec.bits = quantized.state().bits;
    spec.group_size = quantized.state().group_size;
  }
  void operator()(const RotatingKVCache& window) {
    spec.keep = window.state().keep;
    spec.max_size = window.state().max_size;
    if (!used_by_one(window)) return;
    spec.kind = Kind::window;
    spec.arrays = {row_array(window.state().keys, named_), row_array(window.state().values, named_)};
  }
  void operator()(const ChunkedKVCache& chunked) {
    if (used_by_one(chunked))
      whole(chunked);
    else if (!chunked.state().has_no_chunk_size())
      spec.state = Json{{"chunk_size", *chunked.state().chunk_size}}.dump();
  }
  void operator()(const ArraysCache& arrays) {
    if (used_by_one(arrays))
      whole(arrays);
    else
      spec.state = Json{{"slots", arrays.state().slots.size()}}.dump();
  }
  void operator()(const OneOf<TurboQuantKVCache, VarianceNormalizedKVCache> auto& cache) {
    if (!used_by_one(cache))
      throw Error(ErrorKind::impossible, fmt::format("{} was never used, which a store cannot hold of this class", named_),
                  "put the cache when the model has processed the prompt");
    whole(cache);
  }
  void operator()(const CacheList& list) { spec = spec_of_list(list, where_); }
  void operator()(const OneOf<BatchKVCache, BatchRotatingKVCache> auto& batch) const {
    refuse_batch(named_, sequences_of(batch));
  }
  void operator()(const OpaqueCache& opaque) const {
    throw Error(ErrorKind::impossible, fmt::format("{} is not understood: {}", named_, opaque.state().why),
                Remedy(Remedy::Action::verify) + " says what is wrong with it");
  }

  Spec spec;

 private:
  [[nodiscard]] bool used_by_one(const Cache& cache) const {
    if (used_ && sequences_of(cache) != 1) refuse_batch(named_, sequences_of(cache));
    return used_;
  }
  void whole(const auto& cache) {
    spec.kind = Kind::state;
    spec.state = state_facts(cache).dump();
  }

  std::string where_;
  std::string named_;  ///< with its class
  bool used_;
};

Spec spec_of(const Cache& cache, const std::string& where) {
  SpecOf of(cache, where);
  visit(cache, of);
  return std::move(of.spec);
}

constexpr std::string_view kind_names[] = {"rows", "window", "state", "unused", "list"};  // NOLINT(modernize-avoid-c-arrays)

Json to_json(const Spec& spec) {
  Json out = {{"class", spec.class_name}, {"kind", kind_names[static_cast<std::size_t>(spec.kind)]}};
  for (const RowArray& array : spec.arrays) out["arrays"].push_back({std::string(name(array.dtype)), array.heads, array.dim});
  if (spec.bits != 0) out["bits"] = spec.bits;
  if (spec.group_size != 0) out["group_size"] = spec.group_size;
  if (spec.max_size != 0) {
    out["keep"] = spec.keep;
    out["max_size"] = spec.max_size;
  }
  if (!spec.state.empty()) out["state"] = Json::parse(spec.state);
  for (const Spec& child : spec.children) out["children"].push_back(to_json(child));
  return out;
}

Spec spec_from(const Json& json) {
  Spec spec;
  spec.class_name = json.at("class");
  const std::string kind = json.at("kind");
  const auto* const found = std::ranges::find(kind_names, kind);
  if (found == std::end(kind_names)) throw Error(ErrorKind::unreadable, "a layout of an unknown kind");
  spec.kind = static_cast<Kind>(found - std::begin(kind_names));
  for (const Json& array : json.value("arrays", Json::array())) {
    const auto dtype = parse_dtype(array.at(0).get<std::string>());
    if (!dtype) throw Error(ErrorKind::unreadable, "a layout with an unknown dtype");
    spec.arrays.push_back({*dtype, array.at(1), array.at(2)});
  }
  spec.bits = json.value("bits", std::int64_t{0});
  spec.group_size = json.value("group_size", std::int64_t{0});
  spec.keep = json.value("keep", std::int64_t{0});
  spec.max_size = json.value("max_size", std::int64_t{0});
  if (json.contains("state")) spec.state = json["state"].dump();
  for (const Json& child : json.value("children", Json::array())) spec.children.push_back(spec_from(child));
  return spec;
}

void collect(const Cache& cache, std::vector<const Cache*>& out) {
  if (const auto* list = as<CacheList>(cache)) {
    for (const auto& child : list->children()) collect(*child, out);
  } else {
    out.push_back(&cache);
  }
}

std::unique_ptr<Cache> assembled(const Spec& spec, std::vector<std::unique_ptr<Cache>>& leaves, std::size_t& next) {
  if (spec.kind != Kind::list) return std::move(leaves.at(next++));
  std::vector<std::unique_ptr<Cache>> children;
  for (const Spec& child : spec.children) children.push_back(assembled(child, leaves, next));
  return std::make_unique<CacheList>(std::move(children));
}

}  // namespace

std::vector<std::pair<std::int64_t, std::int64_t>> Window::needed(std::int64_t tokens) const {
  return held(tokens, max_size);
}

std::vector<std::pair<std::int64_t, std::int64_t>> Window::held(std::int64_t tokens, std::int64_t rows) const {
  if (rows >= tokens) return {{0, tokens}};
  const std::int64_t pinned = std::min(keep, rows);
  if (pinned == 0) return {{tokens - rows, tokens}};
  if (pinned == rows) return {{0, pinned}};
  return {{0, pinned}, {tokens - (rows - pinned), tokens}};
}

Layout Layout::of(const PromptCache& cache) {
  Layout layout;
  for (std::size_t i = 0; i < cache.layers.size(); ++i)
    layout.layers_.push_back(spec_of(*cache.layers[i], fmt::format("layer {}", i)));
  if (cache.model_state)
    for (const auto& [key, tensor] : cache.model_state->entries) layout.model_state_.push_back(key);
  layout.state_ = cache.model_state.has_value();
  Json json = {{"layers", Json::array()}};
  for (const Spec& spec : layout.layers_) json["layers"].push_back(to_json(spec));
  if (cache.model_state) json["model_state"] = layout.model_state_;
  // Names of state entries are a file's own bytes.
  layout.json_ = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  layout.finish();
  return layout;
}

Layout Layout::parse(const std::string& json) {
  Layout layout;
  try {
    const Json parsed = Json::parse(json);
    for (const Json& spec : parsed.at("layers")) layout.layers_.push_back(spec_from(spec));
    if (parsed.contains("model_state")) {
      layout.model_state_ = parsed["model_state"].get<std::vector<std::string>>();
      layout.state_ = true;
    }
  } catch (const Json::exception&) {
    throw Error(ErrorKind::unreadable, "the layout of a namespace is not readable",
                Remedy(Remedy::Action::store, {{"verb", "check"}}) + " says what is wrong");
  }
  layout.json_ = json;
  layout.finish();
  return layout;
}

void Layout::finish() {
  for (std::size_t i = 0; i < layers_.size(); ++i) add_leaves(layers_[i], fmt::format("layer {}", i));
}

void Layout::add_leaves(Spec& spec, const std::string& where) {
  if (spec.kind == Kind::list) {
    for (std::size_t i = 0; i < spec.children.size(); ++i) add_leaves(spec.children[i], fmt::format("{} child {}", where, i));
    return;
  }
  if (spec.kind == Kind::window) {
    const Window window{spec.keep, spec.max_size};
    const auto found = std::ranges::find(windows_, window);
    spec.window = static_cast<std::size_t>(found - windows_.begin());
    if (found == windows_.end()) windows_.push_back(window);
  }
  if (spec.kind == Kind::rows) {
    rows_ = true;
    for (const RowArray& array : spec.arrays) row_bytes_ += array.row_bytes();
  }
  if (spec.kind == Kind::state) state_ = true;
  leaves_.emplace_back(&spec, fmt::format("{} ({})", where, spec.class_name));
}

std::uint64_t Layout::window_row_bytes(std::size_t window) const {
  std::uint64_t bytes = 0;
  for (const auto& [spec, where] : leaves_)
    if (spec->kind == Kind::window && spec->window == window)
      for (const RowArray& array : spec->arrays) bytes += array.row_bytes();
  return bytes;
}

std::int64_t Layout::block() const {
  std::uint64_t bytes = row_bytes_;
  if (!rows_)
    for (std::size_t i = 0; i < windows_.size(); ++i) bytes += window_row_bytes(i);
  std::uint64_t block = 256;
  if (bytes == 0) return static_cast<std::int64_t>(block);
  while (block * bytes < 4 * mebibyte) block *= 2;
  while (block > 1 && block * bytes > 64 * mebibyte) block /= 2;
  return static_cast<std::int64_t>(block);
}

std::size_t unused_slots(const Spec& spec) {
  return Json::parse(spec.state, nullptr, false).value("slots", std::size_t{0});
}

std::optional<std::int64_t> unused_chunk(const Spec& spec) {
  if (spec.state.empty()) return std::nullopt;
  return Json::parse(spec.state, nullptr, false).at("chunk_size").get<std::int64_t>();
}

std::vector<const Cache*> leaves_of(const PromptCache& cache) {
  std::vector<const Cache*> out;
  for (const auto& layer : cache.layers) collect(*layer, out);
  return out;
}

std::vector<std::unique_ptr<Cache>> layers_of(const Layout& layout, std::vector<std::unique_ptr<Cache>> leaves) {
  std::vector<std::unique_ptr<Cache>> out;
  std::size_t next = 0;
  for (const Spec& spec : layout.layers()) out.push_back(assembled(spec, leaves, next));
  return out;
}

}  // namespace kvcache::store::detail

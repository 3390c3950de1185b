#include "foreign/omlx/prompt_blocks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "cache/axes.h"
#include "foreign/omlx/block_hash.h"
#include "foreign/omlx/gdn_sidecar.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign::omlx {
namespace {

using kvcache::detail::row_axis;

constexpr std::int64_t usual_omlx_block = 256;

[[noreturn]] void refuse_block(const std::string& place, const std::string& why, Remedy remedy = {}) {
  throw Error(ErrorKind::impossible, fmt::format("{}: {}", place, why), std::move(remedy));
}

std::string layer_place(std::size_t index) {
  return fmt::format("layer {}", index);
}

/// Calls `take` for a layer, or for each member of a list.
template <class Take>
void each_member(const Cache& layer, const std::string& place, const Take& take) {
  if (const auto* list = as<CacheList>(layer)) {
    for (std::size_t j = 0; j < list->children().size(); ++j) take(*list->children()[j], fmt::format("{} child {}", place, j));
  } else {
    take(layer, place);
  }
}

/// The class as omlx names it, whatever the file calls it.
std::string_view stored_class(const Cache& layer) {
  if (is<CacheList>(layer)) return "CacheList";
  if (is<RotatingKVCache>(layer)) return "RotatingKVCache";
  return is<ArraysCache>(layer) ? "ArraysCache" : "KVCache";
}

bool has_slots(const Cache& layer) {
  bool found = false;
  each_member(layer, {}, [&](const Cache& member, const std::string&) { found = found || is<ArraysCache>(member); });
  return found;
}

/// A list with a recurrent member is stored member by member, any other one in slices.
bool per_member(const Cache& layer) {
  return is<CacheList>(layer) && has_slots(layer);
}

/// JSON as Python writes it by default: with a space behind commas and colons.
std::string python_json(const Json& json) {
  if (json.is_array()) {
    std::string out = "[";
    for (const Json& value : json) out += (out.size() > 1 ? ", " : "") + python_json(value);
    return out + "]";
  }
  if (json.is_object()) {
    std::string out = "{";
    for (const auto& [key, value] : json.items())
      out += fmt::format("{}{}: {}", out.size() > 1 ? ", " : "", Json(key).dump(-1, ' ', true), python_json(value));
    return out + "}";
  }
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

/// In temporal order, an over-long one cut to the pinned and the newest rows: as the server stores it and reads it back.
RotatingKVCache::State stored_ring(const RotatingKVCache& ring) {
  RotatingKVCache::State state = ring.state();
  const auto cut = [&](const Tensor& rows) {
    Tensor ordered = ring.temporal_order(rows);
    const std::int64_t n = ordered.dim(row_axis);
    if (n <= state.max_size) return ordered;
    const Tensor newest = ordered.slice(row_axis, n - (state.max_size - state.keep), n);
    return state.keep == 0 ? newest : concatenate({ordered.slice(row_axis, 0, state.keep), newest}, row_axis);
  };
  state.keys = cut(state.keys);
  state.values = cut(state.values);
  state.idx = state.keys.dim(row_axis);
  return state;
}

Json ring_meta(const RotatingKVCache& ring) {
  const RotatingKVCache::State& state = ring.state();
  const std::int64_t rows = std::min(state.keys.dim(row_axis), state.max_size);
  return Json::array(
      {std::to_string(state.keep), std::to_string(state.max_size), std::to_string(state.offset), std::to_string(rows)});
}

Json meta_of(const Cache& layer) {
  if (const auto* list = as<CacheList>(layer)) {
    Json names = Json::array();
    Json metas = Json::array();
    for (const auto& child : list->children()) {
      names.push_back(stored_class(*child));
      const auto* ring = as<RotatingKVCache>(*child);
      metas.push_back(ring == nullptr ? Json("") : ring_meta(*ring));
    }
    return Json::array({std::move(names), std::move(metas)});
  }
  const auto* ring = as<RotatingKVCache>(layer);
  return ring == nullptr ? Json::array() : ring_meta(*ring);
}

std::string created_at() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  return fmt::format("{}.{:06}", micros / 1000000, micros % 1000000);
}

Tensor stand_in(Dtype dtype = Dtype::F32) {
  return Tensor::zeros(dtype, {1});
}

/// The state of a layer or a member at `prefix`. `at_end`: the block ends where the cache does, else what is no row per token
/// is stood in for.
void add_state(OrderedFile& file, const Cache& layer, const std::string& prefix, std::int64_t begin, std::int64_t end,
               bool at_end) {
  const auto key = [&](std::size_t k) { return fmt::format("{}_state_{}", prefix, k); };
  if (const auto* plain = as<KVCache>(layer)) {
    file.add(key(0), plain->state().keys.slice(row_axis, begin, end));
    file.add(key(1), plain->state().values.slice(row_axis, begin, end));
    file.say(prefix + "_state_count", "2");
    return;
  }
  if (!at_end) {
    file.add(key(0), stand_in());
    file.add(key(1), stand_in());
    file.say(prefix + "_state_count", "2");
    return;
  }
  if (const auto* ring = as<RotatingKVCache>(layer)) {
    const RotatingKVCache::State state = stored_ring(*ring);
    file.add(key(0), state.keys);
    file.add(key(1), state.values);
    file.say(prefix + "_state_count", "2");
    return;
  }
  const std::vector<Tensor>& slots = as<ArraysCache>(layer)->state().slots;
  file.say(prefix + "_state_count", std::to_string(slots.size()));
  for (std::size_t k = 0; k < slots.size(); ++k) {
    const bool there = slots[k].defined() && slots[k].elements() > 0;
    file.add(key(k), there ? slots[k] : stand_in());
    if (!slots[k].defined())
      file.say(key(k) + "_none", "1");
    else if (!there)
      file.say(key(k) + "_zero_dim", fmt::format("{}", fmt::join(slots[k].shape(), ",")));
  }
}

/// What is refused of a layer or a member, whatever the settings. Tells how many tokens it has seen; 0: it does not count them.
std::int64_t check_member(const Cache& member, const std::string& place) {
  const Facts facts = member.facts();
  if (facts.batch && *facts.batch > 1)
    refuse_block(place, fmt::format("a batch of {}: one prompt at a time", *facts.batch),
                 Remedy(Remedy::Action::extract, {{"index", "0"}}) + ", then export that");
  if (is<QuantizedKVCache>(member))
    refuse_block(place, "quantized keys and values, and omlx' blocks hold none",
                 Remedy(Remedy::Action::dequantize) + ", then export that");
  if (!is<KVCache>(member) && !is<RotatingKVCache>(member) && !is<ArraysCache>(member))
    refuse_block(place, fmt::format("omlx' blocks have no place for a {}", member.class_name()));
  if (member.empty()) refuse_block(place, "it holds nothing: omlx would take the block for one without its state");
  if (const auto* ring = as<RotatingKVCache>(member)) {
    const RotatingKVCache::State& state = ring->state();
    if (state.is_short() || state.keys.dim(row_axis) < std::min(state.offset, state.max_size))
      refuse_block(place, fmt::format("rows of its window are missing: {} of {}", state.keys.dim(row_axis),
                                      std::min(state.offset, state.max_size)));
    return state.offset;
  }
  if (const auto* slots = as<ArraysCache>(member)) {
    const ArraysCache::State& state = slots->state();
    if (state.left_padding || state.lengths) refuse_block(place, "omlx' blocks have no place for left paddings and lengths");
    if (std::ranges::all_of(state.slots, [](const Tensor& slot) { return !slot.defined() || slot.elements() <= 1; }))
      refuse_block(place, "its slots look like those of a block without them");
    return 0;
  }
  return member.size();
}

/// Shape of rows without their number, to tell another model.
Shape row_shape(const Tensor& tensor) {
  Shape shape = tensor.shape();
  if (shape.size() == 4) shape[row_axis] = 0;
  return shape;
}

}  // namespace

PromptBlocks::PromptBlocks(const ExportRequest& request) : request_(request), created_at_(created_at()) {
  if (request.ids.empty()) throw Error(ErrorKind::usage, "a cache of no tokens");
  if (request.cache->layers.empty()) throw Error(ErrorKind::impossible, "a cache of no layers");
  std::optional<Block> like;
  if (!request.like.empty()) like = read_block(request.like);
  check_tokens();
  take_settings(like ? &*like : nullptr);
  check_layers();
  if (like) check_against(*like);
  make_signature();
  std::string parent;
  const auto ids = std::span(request.ids);
  for (std::int64_t at = 0; at + settings_.block_size <= seen_; at += settings_.block_size) {
    parent = block_hash(settings_.model, parent,
                        ids.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(settings_.block_size)));
    hashes_.push_back(parent);
  }
}

/// Every layer that counts tokens has seen all of the ids, or all but the one that was sampled last.
void PromptBlocks::check_tokens() {
  const auto ids = static_cast<std::int64_t>(request_.ids.size());
  for (std::size_t i = 0; i < request_.cache->layers.size(); ++i)
    each_member(*request_.cache->layers[i], layer_place(i), [&](const Cache& member, const std::string& place) {
      needs_state_ = needs_state_ || !is<KVCache>(member);
      const std::int64_t tokens = check_member(member, place);
      if (tokens == 0) return;
      if (seen_ == 0) seen_ = tokens;
      if (tokens != seen_) refuse_block(place, fmt::format("it holds {} tokens, and layers before it {}", tokens, seen_));
      if (tokens != ids && tokens != ids - 1)
        refuse_block(place, fmt::format("it holds {} tokens, and the ids are {}", tokens, ids));
    });
  if (seen_ == 0) seen_ = ids;
}

void PromptBlocks::take_settings(const Block* like) {
  settings_.model = request_.model_name;
  settings_.block_size = request_.block_size;
  settings_.payload_layout = "split_recurrent_v1";
  std::int64_t window = 0;
  bool lists = false;
  bool slots = false;
  for (const auto& layer : request_.cache->layers) {
    lists = lists || is<CacheList>(*layer);
    slots = slots || has_slots(*layer);
    if (const auto* ring = as<RotatingKVCache>(*layer)) window = std::max(window, ring->state().max_size);
  }
  if (like != nullptr) {
    const BlockFacts& facts = like->facts;
    if (facts.version < oldest_served_version || !facts.has_settings || facts.signature.empty())
      throw Error(ErrorKind::impossible,
                  fmt::format("{} is of format {}, which no current server uses", printable(request_.like, 500), facts.version),
                  "name a block that the running server has written");
    if (!facts.turboquant_bits.empty())
      throw Error(ErrorKind::impossible, fmt::format("the server of {} stores TurboQuant codes, which are not made here",
                                                     printable(request_.like, 500)));
    if (!settings_.model.empty() && settings_.model != facts.model)
      throw Error(ErrorKind::usage, fmt::format("the model is to be {}, and {} is of model '{}'", printable(settings_.model),
                                                printable(request_.like, 500), printable(facts.model)));
    if (settings_.block_size > 0 && settings_.block_size != facts.block_size)
      throw Error(ErrorKind::usage, fmt::format("blocks are to be of {} tokens, and those of the server are of {}",
                                                settings_.block_size, facts.block_size));
    settings_.model = facts.model;
    settings_.block_size = facts.block_size;
    settings_.version = facts.version;
    settings_.payload_layout = facts.payload_layout;
    settings_.signature = parse_json(facts.signature, "the signature");
    return;
  }
  if (settings_.model.empty())
    throw Error(ErrorKind::usage, "omlx finds blocks by the name under which it serves the model",
                Remedy(Remedy::Action::repeat, {{"model_name", "NAME"}}) + ", or " +
                    Remedy(Remedy::Action::repeat, {{"like", "BLOCK"}}) + ": a block that the running server has written");
  if (lists)
    throw Error(ErrorKind::usage, "what a server compares of layers with several caches is known from its own blocks only",
                Remedy(Remedy::Action::repeat, {{"like", "BLOCK"}}) + ": a block that the running server has written");
  if (settings_.block_size == 0 && slots)
    throw Error(ErrorKind::usage,
                "the server's size of blocks is not given: with recurrent layers it differs from model to model",
                Remedy(Remedy::Action::repeat, {{"block_size", "N"}}) + ", or " +
                    Remedy(Remedy::Action::repeat, {{"like", "BLOCK"}}) + ": a block that the running server has written");
  if (settings_.block_size == 0)
    settings_.block_size = window == 0 ? usual_omlx_block : (usual_omlx_block + window - 1) / window * window;
  else if (window > 0 && settings_.block_size % window != 0)
    notes_.push_back(fmt::format("doubt: a window is of {} tokens, and omlx makes its blocks a multiple of that, not of {}",
                                 window, settings_.block_size));
}

void PromptBlocks::check_layers() {
  const std::int64_t size = settings_.block_size;
  if (seen_ < size)
    throw Error(ErrorKind::impossible,
                fmt::format("{} tokens, and a block is of {}: omlx stores whole blocks only", seen_, size));
  if (needs_state_ && seen_ % size != 0)
    throw Error(
        ErrorKind::impossible,
        fmt::format("{} tokens, and blocks of {} end at token {}: omlx goes on only from a block that ends with the state "
                    "of windows and recurrent layers, and there is no such one",
                    seen_, size, seen_ / size * size),
        fmt::format("save the cache after {} tokens of the prompt", seen_ / size * size));
  for (std::size_t i = 0; i < request_.cache->layers.size(); ++i) {
    const Cache& layer = *request_.cache->layers[i];
    each_member(layer, layer_place(i), [&](const Cache& member, const std::string& place) {
      if (is<RotatingKVCache>(member) && is<CacheList>(layer) && !per_member(layer))
        refuse_block(place, "omlx cuts a window beside attention as if it were plain rows, and cannot restore it");
      const auto* slots = as<ArraysCache>(member);
      if (slots == nullptr) return;
      if (settings_.payload_layout.empty() && slots->state().slots.size() != 2)
        refuse_block(place, fmt::format("{} slots: the version of omlx that wrote {} restores two only",
                                        slots->state().slots.size(), printable(request_.like, 500)));
      const bool beside = settings_.split() && !is<CacheList>(layer);
      const auto is_empty = [](const Tensor& slot) { return slot.defined() && slot.elements() == 0; };
      if (!beside && std::ranges::any_of(slots->state().slots, is_empty))
        notes_.push_back(fmt::format("{}: a slot without elements becomes float32: its dtype has no place in a block", place));
    });
  }
  if (seen_ % size != 0)
    notes_.push_back(fmt::format("{} tokens at the end are no whole block: they have to be processed again", seen_ % size));
}

void PromptBlocks::check_against(const Block& like) {
  const auto& layers = request_.cache->layers;
  const std::string whose = printable(request_.like, 500);
  if (static_cast<std::int64_t>(layers.size()) != like.facts.num_layers)
    throw Error(ErrorKind::impossible,
                fmt::format("{} layers, and {} has {}: it is of another model", layers.size(), whose, like.facts.num_layers));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string place = layer_place(i);
    const std::string_view own = stored_class(*layers[i]);
    const std::string theirs = canonical_class(like.facts.classes[i]);
    if (own != theirs) refuse_block(place, fmt::format("{}, and {} in {}", own, printable(theirs), whose));
    const StoredLayer stored = read_layer(like, i);
    if (!stored.unreadable.empty()) refuse_block(place, stored.unreadable);
    const Json meta = meta_of(*layers[i]);
    if (stored.is_list) {
      // Names of the members: the first of the two lists.
      if (!stored.own.meta.is_array() || stored.own.meta.empty() || meta[0] != stored.own.meta[0])
        refuse_block(place, fmt::format("its members are not those of {}", whose));
      if (per_member(*layers[i]) && !stored.members.empty() && !stored.per_member)
        refuse_block(place,
                     fmt::format("the version of omlx that wrote {} cannot restore recurrent state beside attention", whose));
      continue;
    }
    if (const auto* ring = as<RotatingKVCache>(*layers[i])) {
      const Json& other = stored.own.meta;
      if (!other.is_array() || other.size() != 4 || other[0] != meta[0] || other[1] != meta[1])
        refuse_block(place, fmt::format("a window of {} that pins {}, and another one in {}", ring->state().max_size,
                                        ring->state().keep, whose));
    }
    if (const auto* plain = as<KVCache>(*layers[i]); plain != nullptr && stored.own.arrays.size() == 2) {
      const Tensor& a = plain->state().keys;
      const Tensor& b = stored.own.arrays[0].tensor;
      if (b.defined() && (row_shape(a) != row_shape(b) || a.dtype() != b.dtype()))
        refuse_block(place, fmt::format("keys are {} {}, and {} {} in {}", name(a.dtype()), to_string(row_shape(a)),
                                        name(b.dtype()), to_string(row_shape(b)), whose));
    }
  }
}

void PromptBlocks::make_signature() {
  classes_ = Json::array();
  meta_states_ = Json::array();
  for (const auto& layer : request_.cache->layers) {
    classes_.push_back(stored_class(*layer));
    meta_states_.push_back(meta_of(*layer));
  }
  // What a server compares beside these is as it has it: dtypes of states, members of lists, and what versions to come add.
  Json signature = settings_.signature.is_null() ? Json::object() : settings_.signature;
  signature["model_name"] = settings_.model;
  signature["num_layers"] = classes_.size();
  signature["block_size"] = settings_.block_size;
  signature["layer_cache_types"] = classes_;
  if (!settings_.payload_layout.empty()) signature["payload_layout"] = settings_.payload_layout;
  signature_ = signature.dump(-1, ' ', true, Json::error_handler_t::replace);
}

OrderedFile PromptBlocks::block(std::size_t index) const {
  OrderedFile file;
  const std::int64_t size = settings_.block_size;
  const std::int64_t begin = static_cast<std::int64_t>(index) * size;
  const bool last = index + 1 == hashes_.size();
  file.say("omlx_cache_format_version", std::to_string(settings_.version));
  file.say("block_hash", hashes_[index]);
  file.say("token_count", std::to_string(size));
  file.say("num_layers", std::to_string(classes_.size()));
  file.say("model_name", settings_.model);
  file.say("block_size", std::to_string(size));
  file.say("cache_signature", signature_);
  if (!settings_.payload_layout.empty()) file.say("payload_layout", settings_.payload_layout);
  file.say("created_at", created_at_);
  file.say("layer_cache_types", python_json(classes_));
  file.say("layer_meta_states", python_json(meta_states_));
  for (std::size_t i = 0; i < request_.cache->layers.size(); ++i) {
    const Cache& layer = *request_.cache->layers[i];
    const std::string prefix = fmt::format("layer_{}", i);
    if (const auto* list = as<CacheList>(layer)) {
      file.say(prefix + "_sub_count", std::to_string(list->children().size()));
      if (per_member(layer)) file.say(prefix + "_storage_mode", "pm");
      for (std::size_t j = 0; j < list->children().size(); ++j)
        add_state(file, *list->children()[j], fmt::format("{}_sub_{}", prefix, j), begin, begin + size, last);
    } else {
      const bool beside = settings_.split() && is<ArraysCache>(layer);
      add_state(file, layer, prefix, begin, begin + size, last && !beside);
    }
  }
  return file;
}

std::string PromptBlocks::tokens_file(std::size_t index) const {
  const auto size = static_cast<std::size_t>(settings_.block_size);
  const auto ids = std::span(request_.ids).subspan(index * size, size);
  const nlohmann::ordered_json json = {
      {"format_version", 1},
      {"renderer_version", 2},
      {"block_hash", hashes_[index]},
      {"parent_hash", index == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(hashes_[index - 1])},
      {"model", settings_.model},
      {"tokenizer", {{"class", "unknown"}, {"fingerprint", nullptr}}},
      {"token_start", index * size},
      {"token_count", size},
      {"token_ids", ids},
      {"media", nlohmann::ordered_json::array()}};
  return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

bool PromptBlocks::has_gdn() const {
  return settings_.split() &&
         std::ranges::any_of(request_.cache->layers, [](const auto& layer) { return is<ArraysCache>(*layer); });
}

std::string PromptBlocks::gdn_settings() const {
  return gdn_folder(signature_, {});
}

OrderedFile PromptBlocks::gdn() const {
  OrderedFile file;
  std::string info_text = "[";
  for (std::size_t i = 0; i < request_.cache->layers.size(); ++i) {
    const Cache& layer = *request_.cache->layers[i];
    const std::string class_name(stored_class(layer));
    const auto* slots = as<ArraysCache>(layer);
    // In the order in which the server's own have them.
    std::vector<std::pair<std::string, std::string>> info = {{"class_name", class_name},
                                                             {"cache_type", class_name},
                                                             {"meta_state", python_json(meta_states_[i])},
                                                             {"has_state", slots == nullptr ? "false" : "true"}};
    if (slots != nullptr) {
      const std::vector<Tensor>& arrays = slots->state().slots;
      info.emplace_back("state_count", std::to_string(arrays.size()));
      for (std::size_t k = 0; k < arrays.size(); ++k) {
        if (!arrays[k].defined()) {
          info.emplace_back(fmt::format("missing_{}", k), "1");
          continue;
        }
        const bool there = arrays[k].elements() > 0;
        if (!there) info.emplace_back(fmt::format("zero_dim_{}", k), fmt::format("{}", fmt::join(arrays[k].shape(), ",")));
        file.add(fmt::format("layer_{}_state_{}", i, k), there ? arrays[k] : stand_in(arrays[k].dtype()));
      }
    }
    std::string text = "{";
    for (const auto& [key, value] : info)
      text += fmt::format("{}{}: {}", text.size() > 1 ? ", " : "", python_json(key), python_json(value));
    info_text += (i == 0 ? "" : ", ") + text + "}";
  }
  file.say("request_id", "kvcache");
  file.say("token_count", std::to_string(tokens()));
  file.say("num_layers", std::to_string(classes_.size()));
  file.say("layer_info", info_text + "]");
  file.say("gdn_sidecar_format_version", "2");
  return file;
}

}  // namespace kvcache::foreign::omlx

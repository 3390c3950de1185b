// KV810 to KV821: a file against the folder of a model.
#include <fmt/format.h>

#include <algorithm>

#include "common/codes.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/model_folder.h"
#include "kvcache/stamp.h"
#include "kvcache/verify.h"
#include "model/model_folder.h"
#include "verify/rules.h"
#include "verify/sort.h"

namespace kvcache {
namespace {

using detail::make_finding;
using Kind = LayerSpec::Kind;

struct Mismatch {
  std::string_view code;
  std::string message;  ///< without the layer
};
using Mismatches = std::vector<Mismatch>;

std::string in_words(const LayerSpec& spec) {
  switch (spec.kind) {
    case Kind::rotating:
      return fmt::format("a window of {} tokens", spec.max_size);
    case Kind::chunked:
      return fmt::format("chunks of {} tokens", spec.chunk_size);
    case Kind::arrays:
      return fmt::format("recurrent state of {} arrays", spec.slots);
    case Kind::list:
      return fmt::format("a list of {} caches", spec.children.size());
    case Kind::kv:
      break;
  }
  return "keys and values of every token";
}

/// What is compared: one cache, what the model makes in its place, and what holds for the whole model.
struct Comparison {
  const ModelConfig& model;
  bool others_hold_tokens = false;
  Mismatches found = {};

  void add(std::string_view code, std::string message) { found.push_back({code, std::move(message)}); }
};

void compare_slot_dtypes(const std::vector<Tensor>& slots, const LayerSpec& spec, Comparison& out) {
  for (std::size_t i = 0; i < std::min(slots.size(), spec.slot_dtypes.size()); ++i) {
    if (!slots[i].defined() || slots[i].rank() == 0) continue;
    const std::optional<Dtype> own = spec.slot_dtypes[i];
    const std::optional<Dtype> expected = own ? own : out.model.dtype;
    if (!expected || slots[i].dtype() == *expected) continue;
    if (!own && out.model.state_may_be_f32 && slots[i].dtype() == Dtype::F32) continue;
    out.add("KV818", own ? fmt::format("slot {} is {}, the model computes this state in {} whatever its own dtype", i,
                                       name(slots[i].dtype()), name(*expected))
                         : fmt::format("slot {} is {}, config.json says {}", i, name(slots[i].dtype()), name(*expected)));
  }
}

void compare_slots(const ArraysCache& cache, const LayerSpec& spec, Comparison& out) {
  const auto& slots = cache.state().slots;
  // mlx-swift-lm makes two of them whatever the model uses; those that are never set are none.
  const bool rest_unset = std::all_of(slots.begin() + static_cast<std::ptrdiff_t>(std::min(slots.size(), spec.slots)),
                                      slots.end(), [](const Tensor& slot) { return !slot.defined(); });
  if (slots.size() < spec.slots || !rest_unset)
    out.add("KV813", fmt::format("recurrent state of {} arrays, the model's has {}", slots.size(), spec.slots));
  for (std::size_t i = 0; i < std::min(slots.size(), spec.slot_shapes.size()); ++i) {
    if (!slots[i].defined() || slots[i].rank() == 0) continue;
    const Shape shape(slots[i].shape().begin() + 1, slots[i].shape().end());
    if (std::ranges::equal(shape, spec.slot_shapes[i])) continue;
    // Of token ids there are as many as were seen, until there are enough.
    const bool ids = i < spec.slot_dtypes.size() && spec.slot_dtypes[i] == Dtype::I64 && shape.size() == 1 &&
                     spec.slot_shapes[i].size() == 1 && shape[0] < spec.slot_shapes[i][0];
    if (ids) continue;
    out.add("KV814", fmt::format("slot {} is {} for each sequence, the model's {}", i, to_string(shape),
                                 to_string(spec.slot_shapes[i])));
  }
  compare_slot_dtypes(slots, spec, out);
}

void compare_sizes(const Facts& facts, const LayerSpec& spec, Comparison& out) {
  const auto differ = [&](std::string_view what, std::optional<std::int64_t> here, std::int64_t expected) {
    if (here && *here != expected) out.add("KV814", fmt::format("{} {}, the model has {}", what, *here, expected));
  };
  differ("KV heads:", facts.kv_heads, spec.kv_heads);
  differ("key head dim", facts.key_dim, spec.key_dim);
  differ("value head dim", facts.value_dim, spec.value_dim);
}

void compare_window(const Facts& facts, const LayerSpec& spec, Comparison& out) {
  const bool window = facts.max_size.has_value();
  const bool chunks = facts.chunk_size.has_value() || facts.start_position.has_value();
  if (window && spec.kind == Kind::rotating) {
    if (*facts.max_size != spec.max_size)
      out.add("KV815", fmt::format("a window of {} tokens, the model's is {}", *facts.max_size, spec.max_size));
  } else if (chunks && spec.kind == Kind::chunked) {
    if (facts.chunk_size && *facts.chunk_size != spec.chunk_size)
      out.add("KV815", fmt::format("chunks of {} tokens, the model's are {}", *facts.chunk_size, spec.chunk_size));
  } else if (window || chunks || spec.kind != Kind::kv) {
    out.add("KV816", fmt::format("{}, where the model makes a cache of {}", printable(facts.class_name), in_words(spec)));
  }
}

void compare_plain(const Cache& cache, const LayerSpec& spec, Comparison& out) {
  const Facts facts = cache.facts();
  if (spec.unused) {
    if (!facts.empty)
      out.add("KV813", fmt::format("{} with tokens, where the model never fills one", printable(facts.class_name)));
    return;
  }
  if (!facts.empty) compare_sizes(facts, spec, out);
  compare_window(facts, spec, out);
  if (facts.empty) {
    if (out.others_hold_tokens)
      out.add("KV817",
              fmt::format("never used, where the model makes a cache of {} and the other layers hold tokens", in_words(spec)));
    return;
  }
  if (facts.dtype && out.model.dtype && *facts.dtype != *out.model.dtype)
    out.add("KV818", fmt::format("{} {}, config.json says {}", facts.bits ? "quantized from" : "keys and values are",
                                 name(*facts.dtype), name(*out.model.dtype)));
  if (facts.bits && !out.model.unquantized.empty())
    out.add("KV819", fmt::format("{}: {}", printable(facts.class_name), out.model.unquantized));
}

void compare(const Cache& cache, const LayerSpec& spec, Comparison& out) {
  const auto* const list = as<CacheList>(cache);
  const auto* const arrays = as<ArraysCache>(cache);
  if ((list != nullptr) != (spec.kind == Kind::list) || (arrays != nullptr) != (spec.kind == Kind::arrays) ||
      (list != nullptr && list->children().size() != spec.children.size())) {
    out.add("KV813", fmt::format("{}, where the model makes a cache of {}", printable(cache.class_name()), in_words(spec)));
  } else if (list != nullptr) {
    for (std::size_t i = 0; i < spec.children.size(); ++i) {
      Comparison inner{out.model, out.others_hold_tokens};
      compare(*list->children()[i], spec.children[i], inner);
      for (const Mismatch& m : inner.found) out.add(m.code, fmt::format("child {}: {}", i, m.message));
    }
  } else if (arrays != nullptr) {
    if (cache.empty() && out.others_hold_tokens)
      out.add("KV817", fmt::format("never used, where the model makes {} and the other layers hold tokens", in_words(spec)));
    else
      compare_slots(*arrays, spec, out);
  } else {
    compare_plain(cache, spec, out);
  }
}

/// Why it may be right, or what to do.
Remedy remedy_of(std::string_view code) {
  if (code == "KV818")
    return "right if the model's weights were converted to that dtype; else it is of another checkpoint, or was cast";
  if (code == "KV819") return Remedy(Remedy::Action::dequantize) + " makes it plain again";
  return {};
}

/// The same about many layers is one finding, at the first of them.
class Grouped {
 public:
  void add(std::size_t layer, Mismatch mismatch) {
    for (Group& group : groups_)
      if (group.mismatch.code == mismatch.code && group.mismatch.message == mismatch.message) {
        ++group.others;
        return;
      }
    groups_.push_back({layer, 0, std::move(mismatch)});
  }
  void report(Findings& findings) const {
    for (const auto& [layer, others, mismatch] : groups_) {
      const std::string more = others == 0 ? "" : fmt::format(" (and {} more layer{})", others, others == 1 ? "" : "s");
      findings.push_back(
          make_finding(mismatch.code, Where::of_layer(layer), {}, mismatch.message + more, remedy_of(mismatch.code)));
    }
  }

 private:
  struct Group {
    std::size_t layer;
    std::size_t others;
    Mismatch mismatch;
  };
  std::vector<Group> groups_;
};

void check_layers(const Document& document, const ModelConfig& config, Findings& findings) {
  const std::size_t here = document.cache.layers.size();
  const std::size_t expected = config.layers.size();
  if (here < expected)
    findings.push_back(make_finding("KV811", {}, {}, fmt::format("{} layers, the model has caches for {}", here, expected),
                                    "the file is of another model, or has lost layers"));
  if (here > expected)
    findings.push_back(
        make_finding("KV812", Where::of_layer(expected), {},
                     fmt::format("{} layers, the model has caches for {}: those from here on are not its own", here, expected),
                     "right only for the layers of a draft model behind those of the model"));
  const bool used = std::any_of(document.cache.layers.begin(), document.cache.layers.end(),
                                [](const auto& layer) { return !layer->empty(); });
  Grouped grouped;
  for (const detail::Place& place : detail::places(document)) {
    if (place.is_child || !place.sound || place.layer >= expected || place.as<OpaqueCache>() != nullptr) continue;
    Comparison comparison{config, used};
    compare(*place.cache, config.layers[place.layer], comparison);
    for (Mismatch& mismatch : comparison.found) grouped.add(place.layer, std::move(mismatch));
  }
  grouped.report(findings);
}

/// No other runtime could have written it.
bool is_swifts(const Document& document) {
  bool any = false;
  for (const Dialect& d : dialects()) {
    if (!document.candidates.has(d.era)) continue;
    if (d.family != Family::mlx_swift_lm) return false;
    any = true;
  }
  return any;
}

void check_digests(const Document& document, const ModelFolder& model, Findings& findings) {
  std::optional<Stamp> stamp;
  try {
    stamp = find_stamp(document.cache);
  } catch (const Error&) {
    return;  // KV801 says so
  }
  if (!stamp) return;
  for (const std::string_view name : detail::model_files) {
    const auto stamped = stamp->model_sha256.find(std::string(name));
    if (stamped == stamp->model_sha256.end()) continue;
    const auto there = model.sha256.find(stamped->first);
    if (there != model.sha256.end() && there->second == stamped->second) continue;
    const std::string_view what = there == model.sha256.end() ? "is missing, but was there" : "is not the one that was there";
    findings.push_back(make_finding("KV821", Where::Part::metadata, std::string(stamp_key),
                                    fmt::format("{} of the model {} when the file was stamped", name, what),
                                    "this is another model, or another revision of it"));
  }
}

}  // namespace

Findings check_model(const Document& document, const ModelFolder& model, std::optional<ModelCode> code) {
  Findings findings;
  if (!code) code = is_swifts(document) ? ModelCode::mlx_swift_lm : ModelCode::mlx_lm;
  if (model.config) {
    const bool own = code == ModelCode::mlx_swift_lm && model.swift_config;
    check_layers(document, own ? *model.swift_config : *model.config, findings);
  } else {
    findings.push_back(make_finding("KV810", {}, {}, fmt::format("the model's caches are not known: {}", model.why_no_config),
                                    Remedy(Remedy::Action::models) + " lists the known types; all else was checked"));
  }
  check_digests(document, model, findings);
  detail::sort_findings(findings);
  return findings;
}

}  // namespace kvcache

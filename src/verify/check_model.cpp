// KV810 to KV821: a file against the folder of a model.
#include <fmt/format.h>

#include <algorithm>

#include "format/codes.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "verify/model_folder.h"
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

void compare_slots(const ArraysCache& cache, const LayerSpec& spec, Mismatches& out) {
  const auto& slots = cache.state().slots;
  if (slots.size() != spec.slots)
    out.push_back({"KV813", fmt::format("recurrent state of {} arrays, the model's has {}", slots.size(), spec.slots)});
  for (std::size_t i = 0; i < std::min(slots.size(), spec.slot_shapes.size()); ++i) {
    if (!slots[i].defined() || slots[i].rank() == 0) continue;
    const Shape shape(slots[i].shape().begin() + 1, slots[i].shape().end());
    if (shape == spec.slot_shapes[i]) continue;
    out.push_back({"KV814", fmt::format("slot {} is {} for each sequence, the model's {}", i, to_string(shape),
                                        to_string(spec.slot_shapes[i]))});
  }
}

void compare_sizes(const Facts& facts, const LayerSpec& spec, Mismatches& out) {
  if (facts.empty) return;
  const auto differ = [&](std::string_view what, std::optional<std::int64_t> here, std::int64_t expected) {
    if (here && *here != expected) out.push_back({"KV814", fmt::format("{} {}, the model has {}", what, *here, expected)});
  };
  differ("KV heads:", facts.kv_heads, spec.kv_heads);
  differ("key head dim", facts.key_dim, spec.key_dim);
  differ("value head dim", facts.value_dim, spec.value_dim);
}

void compare_window(const Facts& facts, const LayerSpec& spec, Mismatches& out) {
  const bool window = facts.max_size.has_value();
  const bool chunks = facts.chunk_size.has_value() || facts.start_position.has_value();
  if (window && spec.kind == Kind::rotating) {
    if (*facts.max_size != spec.max_size)
      out.push_back({"KV815", fmt::format("a window of {} tokens, the model's is {}", *facts.max_size, spec.max_size)});
  } else if (chunks && spec.kind == Kind::chunked) {
    if (facts.chunk_size && *facts.chunk_size != spec.chunk_size)
      out.push_back({"KV815", fmt::format("chunks of {} tokens, the model's are {}", *facts.chunk_size, spec.chunk_size)});
  } else if (window || chunks || spec.kind != Kind::kv) {
    out.push_back(
        {"KV816", fmt::format("{}, where the model makes a cache of {}", printable(facts.class_name), in_words(spec))});
  }
}

void compare(const Cache& cache, const LayerSpec& spec, Mismatches& out) {
  const auto* const list = dynamic_cast<const CacheList*>(&cache);
  const auto* const arrays = dynamic_cast<const ArraysCache*>(&cache);
  if ((list != nullptr) != (spec.kind == Kind::list) || (arrays != nullptr) != (spec.kind == Kind::arrays) ||
      (list != nullptr && list->children().size() != spec.children.size())) {
    out.push_back({"KV813", fmt::format("{}, where the model makes a cache of {}", cache.class_name(), in_words(spec))});
  } else if (list != nullptr) {
    for (std::size_t i = 0; i < spec.children.size(); ++i) {
      Mismatches inner;
      compare(*list->children()[i], spec.children[i], inner);
      for (Mismatch& m : inner) out.push_back({m.code, fmt::format("child {}: {}", i, m.message)});
    }
  } else if (arrays != nullptr) {
    compare_slots(*arrays, spec, out);
  } else {
    const Facts facts = cache.facts();
    compare_sizes(facts, spec, out);
    compare_window(facts, spec, out);
  }
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
      findings.push_back(make_finding(mismatch.code, fmt::format("layer {}", layer), {}, mismatch.message + more));
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
        make_finding("KV812", fmt::format("layer {}", expected), {},
                     fmt::format("{} layers, the model has caches for {}: those from here on are not its own", here, expected),
                     "right only for the layers of a draft model behind those of the model"));
  Grouped grouped;
  for (const detail::Place& place : detail::places(document)) {
    if (place.is_child || !place.sound || place.layer >= expected || place.as<OpaqueCache>() != nullptr) continue;
    Mismatches mismatches;
    compare(*place.cache, config.layers[place.layer], mismatches);
    for (Mismatch& mismatch : mismatches) grouped.add(place.layer, std::move(mismatch));
  }
  grouped.report(findings);
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
    findings.push_back(make_finding("KV821", "metadata", std::string(stamp_key),
                                    fmt::format("{} of the model {} when the file was stamped", name, what),
                                    "this is another model, or another revision of it"));
  }
}

}  // namespace

Findings check_model(const Document& document, const ModelFolder& model) {
  Findings findings;
  if (model.config) {
    check_layers(document, *model.config, findings);
  } else {
    findings.push_back(
        make_finding("KV810", {}, {}, fmt::format("layers were not compared with the model: {}", model.why_no_config)));
  }
  check_digests(document, model, findings);
  detail::sort_findings(findings);
  return findings;
}

}  // namespace kvcache

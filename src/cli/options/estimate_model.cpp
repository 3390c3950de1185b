#include "cli/options/estimate_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/files/open.h"
#include "cli/terminal/words.h"
#include "kvcache/caches.h"
#include "kvcache/edit.h"
#include "kvcache/error.h"
#include "kvcache/quantize.h"
#include "kvcache/verify.h"
#include "model/find_model.h"

namespace kvcache::cli {
namespace {

using LayerKind = LayerSpec::Kind;

constexpr int usual_group_size = 64;

/// Of the first keys there are, in lists, too: state may be of another dtype, and token ids are whole numbers.
std::optional<Dtype> dtype_of_keys(const Cache& cache) {
  if (const auto* const list = as<CacheList>(cache)) {
    for (const auto& child : list->children())
      if (const auto dtype = dtype_of_keys(*child)) return dtype;
    return std::nullopt;
  }
  if (is<ArraysCache>(cache)) return std::nullopt;
  return cache.facts().dtype;
}

/// Of the first array of a model without keys.
std::optional<Dtype> dtype_of_state(const PromptCache& cache) {
  for (const auto& layer : cache.layers)
    if (const auto* const arrays = as<ArraysCache>(*layer))
      for (const Tensor& slot : arrays->state().slots)
        if (slot.defined() && is_float(slot.dtype())) return slot.dtype();
  return std::nullopt;
}

bool same_layer(const LayerSpec& a, const LayerSpec& b) {
  return a.kind == b.kind && a.max_size == b.max_size && a.keep == b.keep && a.chunk_size == b.chunk_size &&
         a.kv_heads == b.kv_heads && a.key_dim == b.key_dim && a.value_dim == b.value_dim && a.slots == b.slots &&
         a.unused == b.unused && a.slot_shapes == b.slot_shapes && a.slot_dtypes == b.slot_dtypes &&
         std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(), same_layer);
}

bool is_plain(const LayerSpec& layer) {
  return layer.kind == LayerKind::kv && !layer.unused;
}

std::size_t count_odd(const std::vector<LayerSpec>& layers, int group_size) {
  return static_cast<std::size_t>(
      std::count_if(layers.begin(), layers.end(), [&](const LayerSpec& layer) { return has_odd_width(layer, group_size); }));
}

/// "keys are 96 wide" of the first layer that such groups do not divide.
std::string odd_width(const std::vector<LayerSpec>& layers, int group_size) {
  const auto odd = std::find_if(layers.begin(), layers.end(), [&](const LayerSpec& l) { return has_odd_width(l, group_size); });
  if (odd == layers.end()) return {};
  const bool keys = odd->key_dim % group_size != 0;
  return fmt::format("{} are {} wide", keys ? "keys" : "values", keys ? odd->key_dim : odd->value_dim);
}

}  // namespace

EstimatedModel model_of_config(const std::string& path) {
  EstimatedModel model;
  model.config = read_model_config(detail::require_model(path));
  model.layers = model.config->layers;
  model.dtype = model.config->dtype;
  model.notes = model.config->notes;
  return model;
}

EstimatedModel model_like(const Context& context, const std::string& name) {
  const Document document = read_sound_named(context, name);
  EstimatedModel model;
  model.layers = layer_specs(document.cache);
  for (const auto& layer : document.cache.layers)
    if (!model.dtype) model.dtype = dtype_of_keys(*layer);
  if (!model.dtype) model.dtype = dtype_of_state(document.cache);
  return model;
}

void limit_windows(EstimatedModel& model, std::int64_t max_kv_size) {
  constexpr std::int64_t reference_keep = 4;
  if (!model.config) throw Error(ErrorKind::usage, "--max-kv-size goes with --config", "a cache has the windows that it has");
  if (model.config->own_caches) {
    model.notes.push_back(fmt::format("--max-kv-size changes nothing: {} makes its caches itself", model.config->row));
    return;
  }
  for (LayerSpec& layer : model.layers) {
    layer.kind = LayerKind::rotating;
    layer.max_size = max_kv_size;
    layer.keep = reference_keep;
  }
}

std::vector<LayerGroup> groups_of(const std::vector<LayerSpec>& layers) {
  std::vector<LayerGroup> groups;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto it =
        std::find_if(groups.begin(), groups.end(), [&](const LayerGroup& g) { return same_layer(g.layer, layers[i]); });
    if (it == groups.end())
      groups.push_back({layers[i], {i}});
    else
      it->at.push_back(i);
  }
  return groups;
}

std::string sizes_in_words(const LayerSpec& layer) {
  if (layer.unused) return "never filled";
  std::string words;
  if (layer.kind == LayerKind::list) {
    for (const LayerSpec& child : layer.children) words += (words.empty() ? "" : "; ") + sizes_in_words(child);
    return words;
  }
  if (layer.kind == LayerKind::arrays) {
    for (std::size_t i = 0; i < layer.slot_shapes.size(); ++i) {
      words += (words.empty() ? "" : ", ") + to_string(layer.slot_shapes[i]);
      if (i < layer.slot_dtypes.size() && layer.slot_dtypes[i]) words += fmt::format(" in {}", name(*layer.slot_dtypes[i]));
    }
    return words;
  }
  const std::string heads = count_of(static_cast<std::uint64_t>(layer.kv_heads), "KV head");
  if (layer.key_dim == layer.value_dim) return fmt::format("{} of {}", heads, layer.key_dim);
  return fmt::format("{} of {} / {}", heads, layer.key_dim, layer.value_dim);
}

Grouping group_size_for(const EstimatedModel& model, std::optional<std::int64_t> asked) {
  const auto plain = static_cast<std::size_t>(std::count_if(model.layers.begin(), model.layers.end(), is_plain));
  if (model.config && !model.config->unquantized.empty())
    return {{}, fmt::format("{} cannot be quantized: {}", model.config->model_type, model.config->unquantized)};
  if (plain == 0) return {{}, "nothing here can be quantized: windows, chunks, state and lists stay as they are"};
  int best = asked ? static_cast<int>(*asked) : usual_group_size;
  if (!asked && count_odd(model.layers, 32) < count_odd(model.layers, best)) best = 32;
  const std::size_t odd = count_odd(model.layers, best);
  const std::string fits = count_odd(model.layers, 32) < odd ? "; groups of 32 would do" : "";
  if (odd == plain)
    return {{}, fmt::format("nothing here can be quantized in groups of {}: {}{}", best, odd_width(model.layers, best), fits)};
  if (odd > 0)
    return {best, fmt::format("{} of {} cannot be quantized in groups of {} and stay{} plain: {}{}", odd,
                              count_of(model.layers.size(), "layer"), best, odd == 1 ? "s" : "", odd_width(model.layers, best),
                              fits)};
  if (!asked && best != usual_group_size)
    return {best, fmt::format("in groups of {} (--group-size {}): {}, which {} does not divide", best, best,
                              odd_width(model.layers, usual_group_size), usual_group_size)};
  return {best, {}};
}

}  // namespace kvcache::cli

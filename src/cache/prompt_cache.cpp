// Operations over all layers: they change copies and swap them in at the end, so that they happen to all layers or to none.
#include "kvcache/prompt_cache.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cache/batch.h"
#include "cache/context.h"
#include "cache/copies.h"
#include "cache/kv_arrays.h"
#include "cache/sized_layer.h"
#include "common/count_of.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

using Layers = detail::Caches;
using detail::copies;
using detail::count_of;

// f(layer, index) on a copy of each layer; the copies.
template <class F>
Layers changed(const PromptCache& cache, F&& f) {
  return detail::changed(
      cache.layers, [&](std::size_t i) { return layer_name(cache, i); }, std::forward<F>(f));
}

void check_layer_counts(std::size_t a, std::size_t b, const std::string& a_name, const std::string& b_name) {
  if (a == b) return;
  throw Error(ErrorKind::impossible, fmt::format("{} has {} layers, but {} has {}", b_name, b, a_name, a),
              "they are from different models");
}

// Throws unless layer `index` of all caches fits beside the first one that was used.
void check_layer(std::span<const PromptCache* const> caches, std::span<const std::string> names, std::size_t index) {
  const auto used = std::find_if(caches.begin(), caches.end(), [&](const auto* one) { return !one->layers[index]->empty(); });
  const auto reference = used == caches.end() ? caches.begin() : used;
  for (std::size_t i = 0; i < caches.size(); ++i) {
    if (const auto why = (*reference)->layers[index]->mismatch(*caches[i]->layers[index])) {
      throw Error(ErrorKind::impossible,
                  fmt::format("layer {} of {} and of {} differ: {}", index,
                              names[static_cast<std::size_t>(reference - caches.begin())], names[i], *why),
                  "caches of one model and of one size stand side by side in a batch");
    }
  }
}

// Recurrent state moves with every token, and nothing but the model can move it: beside keys and values of more tokens it would
// be that of an older moment, and no model decodes rightly from the two.
void check_no_recurrent_state(const PromptCache& cache) {
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    if (!any_leaf(*cache.layers[i], is<ArraysCache>)) continue;
    throw Error(ErrorKind::impossible,
                fmt::format("{} holds recurrent state, which takes no keys and values and would stay behind the new tokens",
                            layer_name(cache, i)),
                "let the model process the tokens: only it can move the state along");
  }
}

// Feeds the update's entries under `path` to a cache; the names it used go into `used`.
void append_to(Cache& cache, const std::string& path, const std::map<std::string, Tensor>& update,
               std::set<std::string>& used) {
  if (auto* list = as<CacheList>(cache)) {
    for (std::size_t i = 0; i < list->children().size(); ++i) {
      const auto& child = list->children()[i];
      detail::in_context(detail::child_name(list->children(), i),
                         [&] { append_to(*child, fmt::format("{}.{}", path, i), update, used); });
    }
    return;
  }
  const auto keys = update.find(path + ".keys");
  const auto values = update.find(path + ".values");
  if (keys == update.end() || values == update.end()) {
    throw Error(ErrorKind::impossible, fmt::format("the update has no {}.{}", path, keys == update.end() ? "keys" : "values"),
                "every layer with keys and values takes the same tokens");
  }
  if (auto* quantized = as<QuantizedKVCache>(cache)) {
    quantized->update(keys->second, values->second, "the update's " + keys->first, "the update's " + values->first);
  } else {
    cache.update(keys->second, values->second);
  }
  used.insert(keys->first);
  used.insert(values->first);
}

// Windows are all that cannot be trimmed, and none has dropped a token yet.
bool trimmable_as_plain(const PromptCache& cache) {
  return std::none_of(cache.layers.begin(), cache.layers.end(), [](const auto& layer) {
    return any_leaf(*layer, [](const Cache& leaf) {
      const auto* window = as<RotatingKVCache>(leaf);
      return window != nullptr ? window->state().offset != detail::rows_in(window->state().keys) : !leaf.trimmable();
    });
  });
}

// Every layer takes the same tokens. (Each array has been found to be [B, H, N, D].)
void check_equal_rows(const std::map<std::string, Tensor>& update) {
  for (const auto& [key, tensor] : update) {
    const auto& [first_key, first] = *update.begin();
    if (detail::rows_in(tensor) != detail::rows_in(first)) {
      throw Error(ErrorKind::impossible,
                  fmt::format("the update has {} in {} and {} in {}",
                              count_of(static_cast<std::uint64_t>(detail::rows_in(first)), "token"), first_key,
                              count_of(static_cast<std::uint64_t>(detail::rows_in(tensor)), "token"), key),
                  "every layer takes the same tokens");
    }
  }
}

std::size_t unrotate(Cache& cache) {
  return visit(cache, PerClass{[](RotatingKVCache& ring) -> std::size_t {
                                 const bool rotated = ring.state().idx < detail::rows_in(ring.state().keys);
                                 ring.unrotate();
                                 return rotated ? 1 : 0;
                               },
                               [](BatchRotatingKVCache& ring) -> std::size_t {
                                 const bool rotated = ring.state().rotated;
                                 ring.unrotate();
                                 return rotated ? 1 : 0;
                               },
                               [](CacheList& list) {
                                 std::size_t rotated = 0;
                                 for (const auto& child : list.children()) rotated += unrotate(*child);
                                 return rotated;
                               },
                               [](OneOf<KVCache, QuantizedKVCache, ChunkedKVCache, ArraysCache, BatchKVCache, TurboQuantKVCache,
                                        VarianceNormalizedKVCache, OpaqueCache> auto&) -> std::size_t { return 0; }});
}

Remedy instead_of_trimming(const PromptCache& cache) {
  if (trimmable_as_plain(cache))
    return Remedy("no window has dropped a token yet: ") + Remedy(Remedy::Action::convert, {{"class", "KVCache"}}) +
           " makes caches of them that can be trimmed";
  return "what a cache has dropped or folded into its state cannot be taken out again; keep an untrimmed copy, or process the "
         "prompt again";
}

// trim(layer) for each layer, or for none where why_not(layer) says something of one.
template <class WhyNot, class Trim>
std::int64_t trim_layers(PromptCache& cache, WhyNot&& why_not, Trim&& trim) {
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    if (const std::optional<Refusal> refusal = why_not(*cache.layers[i])) {
      throw Error(ErrorKind::impossible, fmt::format("{} cannot be trimmed: {}", layer_name(cache, i), refusal->why),
                  refusal->remedy.empty() ? instead_of_trimming(cache) : refusal->remedy);
    }
  }
  std::int64_t most = 0;
  cache.layers = changed(cache, [&](Cache& layer, std::size_t) { most = std::max(most, trim(layer)); });
  return most;
}

}  // namespace

PromptCache PromptCache::copy() const {
  return {copies(layers), metadata, model_state};
}

std::string layer_name(const PromptCache& cache, std::size_t index) {
  return fmt::format("layer {} ({})", index, cache.layers.at(index)->class_name());
}

std::int64_t token_count(const PromptCache& cache) {
  std::int64_t most = 0;
  for (const auto& layer : cache.layers) {
    // Most layers are of this class, and its facts are ten times the work.
    const auto* const plain = as<KVCache>(*layer);
    most = std::max(most, plain != nullptr ? plain->size() : layer->facts().tokens.value_or(0));
  }
  return most;
}

std::int64_t trim_prompt_cache(PromptCache& cache, std::int64_t n) {
  detail::check_trim_count(n);
  return trim_layers(
      cache, [n](const Cache& layer) { return layer.why_not_trimmable_by(n); }, [n](Cache& layer) { return layer.trim(n); });
}

std::int64_t trim_prompt_cache_to(PromptCache& cache, std::int64_t length) {
  detail::check_trim_count(length);
  return trim_layers(
      cache, [length](const Cache& layer) { return layer.why_not_trimmable_to(length); },
      [length](Cache& layer) { return layer.trim_to(length); });
}

std::int64_t batch_size(const PromptCache& cache) {
  std::optional<std::int64_t> batch;
  std::size_t first = 0;
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    const auto one = detail::in_context(layer_name(cache, i), [&] { return cache.layers[i]->batch_size(); });
    if (!one) continue;
    if (batch && *batch != *one) {
      throw Error(ErrorKind::impossible, fmt::format("{} holds {} sequences, but {} holds {}", layer_name(cache, i), *one,
                                                     layer_name(cache, first), *batch));
    }
    if (!batch) first = i;
    batch = one;
  }
  // Caches that were never used belong to one sequence, as in the reference.
  return batch.value_or(1);
}

PromptCache merge_prompt_caches(std::span<const PromptCache* const> caches, std::span<const std::string> names) {
  if (caches.empty() || caches.size() != names.size()) throw Error(ErrorKind::usage, "nothing to merge");
  for (std::size_t i = 0; i < caches.size(); ++i) {
    check_layer_counts(caches[0]->layers.size(), caches[i]->layers.size(), names[0], names[i]);
    if (const std::int64_t batch = detail::in_context(names[i], [&] { return batch_size(*caches[i]); }); batch != 1) {
      throw Error(ErrorKind::impossible, fmt::format("{} holds {} sequences: only single ones can be merged", names[i], batch),
                  Remedy(Remedy::Action::extend) + " joins batches");
    }
    // It belongs to one sequence's images: there is no form of it for a batch.
    if (caches[i]->model_state) {
      throw Error(ErrorKind::impossible, fmt::format("{} carries the state of a vision model, which a batch cannot", names[i]));
    }
  }
  for (std::size_t layer = 0; layer < caches[0]->layers.size(); ++layer) check_layer(caches, names, layer);
  PromptCache batch;
  batch.metadata = caches[0]->metadata;
  for (std::size_t layer = 0; layer < caches[0]->layers.size(); ++layer) {
    std::vector<const Cache*> column;
    for (const PromptCache* cache : caches) column.push_back(cache->layers[layer].get());
    batch.layers.push_back(detail::in_context(layer_name(*caches[0], layer), [&] { return column.front()->merge(column); }));
  }
  return batch;
}

PromptCache extract_prompt_cache(const PromptCache& cache, std::int64_t index) {
  detail::check_sequence(index, batch_size(cache));
  PromptCache one;
  one.metadata = cache.metadata;
  one.model_state = cache.model_state;
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    one.layers.push_back(detail::in_context(layer_name(cache, i), [&] { return cache.layers[i]->extract(index); }));
  }
  return one;
}

void filter_prompt_cache(PromptCache& cache, std::span<const std::int64_t> indices) {
  detail::check_sequences(indices, batch_size(cache));
  cache.layers = changed(cache, [&](Cache& layer, std::size_t) { layer.filter(indices); });
}

void extend_prompt_cache(PromptCache& cache, const PromptCache& other, const std::string& other_name) {
  check_layer_counts(cache.layers.size(), other.layers.size(), "the first one", other_name);
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    if (const auto why = cache.layers[i]->mismatch(*other.layers[i])) {
      throw Error(ErrorKind::impossible, fmt::format("{} differs in {}: {}", layer_name(cache, i), other_name, *why),
                  "caches of one model and of one size stand side by side in a batch");
    }
  }
  const std::int64_t mine = batch_size(cache);
  const std::int64_t theirs = batch_size(other);
  Layers layers;
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    detail::in_context(layer_name(cache, i), [&] {
      layers.push_back(detail::sized_layer(*cache.layers[i], mine, *other.layers[i]));
      layers.back()->extend(*detail::sized_layer(*other.layers[i], theirs, *cache.layers[i]));
    });
  }
  cache.layers = std::move(layers);
}

void append_prompt_cache(PromptCache& cache, const std::map<std::string, Tensor>& update) {
  check_no_recurrent_state(cache);
  std::set<std::string> used;
  Layers layers = changed(cache, [&](Cache& layer, std::size_t i) { append_to(layer, fmt::format("{}", i), update, used); });
  for (const auto& [key, tensor] : update) {
    if (!used.contains(key)) {
      throw Error(ErrorKind::usage, fmt::format("the update's {} belongs to no layer", key),
                  "name arrays LAYER.keys and LAYER.values, in a CacheList LAYER.CHILD.keys and LAYER.CHILD.values");
    }
  }
  check_equal_rows(update);
  cache.layers = std::move(layers);
}

void align_prompt_cache(PromptCache& cache, const Int32s& right_padding) {
  cache.layers = changed(cache, [&](Cache& layer, std::size_t) {
    layer.prepare(right_padding);
    layer.finalize();
  });
}

std::size_t unrotate_prompt_cache(PromptCache& cache) {
  std::size_t rotated = 0;
  cache.layers = changed(cache, [&](Cache& layer, std::size_t) { rotated += unrotate(layer); });
  return rotated;
}

}  // namespace kvcache

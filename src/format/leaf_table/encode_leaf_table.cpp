// Writing files of mlx-lm 0.32 (docs/formats.md, "A table of leaves"): the whole state of each layer as arrays, with a table
// that names those that stand for a number, a text or nothing. Buffers are cut to the rows that hold tokens, which load alike.
#include <fmt/format.h>

#include <limits>

#include "cache/class_names.h"
#include "format/file_layout.h"
#include "format/sections/encoder.h"
#include "kvcache/error.h"
#include "kvcache/format.h"

namespace kvcache::detail {
namespace {

/// mlx-lm has none of the aliases of other runtimes, and no longer a class MambaCache.
std::string_view stored_name(const Cache& cache) {
  return is_concatenate(cache) || is<OpaqueCache>(cache) ? cache.class_name() : class_name_of(cache.kind());
}

class LeafTableEncoder {
 public:
  LeafTableEncoder(Encoded& out, const EncodeOptions& options, std::string_view target)
      : out_(out), options_(options), target_(target) {
    out_.metadata.emplace("2.0", "");  // keeps the table from being empty; mlx-lm skips it
  }

  void state(const std::string& where, const std::string& path, const Cache& cache);

 private:
  /// A row of the table of leaves.
  void row(const std::string& path, const std::string& kind) {
    ++rows_;
    out_.metadata.emplace(fmt::format("2.{}.0", rows_), path);
    out_.metadata.emplace(fmt::format("2.{}.1", rows_), kind);
  }
  /// An undefined tensor is None.
  void array(const std::string& path, const Tensor& tensor) {
    out_.tensors.push_back({path, tensor.defined() ? tensor : Tensor::zeros(Dtype::F32, {0})});
    if (!tensor.defined()) row(path, "none");
  }
  void scalar(const std::string& where, const std::string& path, std::int64_t value) {
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
      throw Error(ErrorKind::impossible, fmt::format("{}: {} does not fit into the 32 bits that are stored", where, value),
                  "process the prompt again: no runtime counts further");
    const auto narrow = static_cast<std::int32_t>(value);
    array(path, Tensor::of_i32(std::span(&narrow, 1)).reshape({}));
    row(path, "scalar");
  }
  void flag(const std::string& path, bool value) {
    array(path, Tensor::of_bytes(Dtype::BOOL, {}, {std::byte{value ? std::uint8_t{1} : std::uint8_t{0}}}));
    row(path, "scalar");
  }
  void text(const std::string& path, std::string_view value) {
    const Int32s characters(value.begin(), value.end());  // names of classes are ASCII
    array(path, Tensor::of_i32(characters));
    row(path, "string");
  }
  /// An empty list has no integers: mlx-lm makes float32 of it.
  void integers(const std::string& path, const Int32s& values) {
    array(path, values.empty() ? Tensor::zeros(Dtype::F32, {0}) : Tensor::of_i32(values));
  }
  template <typename State>
  void keys_and_values(const std::string& path, const State& state) {
    array(path + ".0", state.keys);
    array(path + ".1", state.values);
  }
  void scalars(const std::string& where, const std::string& path, std::size_t first,
               std::initializer_list<std::int64_t> values) {
    for (const std::int64_t value : values) scalar(where, fmt::format("{}.{}", path, first++), value);
  }

  template <typename State>
  void batch(const std::string& path, const State& state) {
    keys_and_values(path, state);
    integers(path + ".2", state.offset);
    integers(path + ".3", state.left_padding);
  }

  void plain(const std::string& where, const std::string& path, const KVCache& cache);
  void quantized(const std::string& where, const std::string& path, const QuantizedKVCache& cache);
  void chunked(const std::string& where, const std::string& path, const ChunkedKVCache& cache);
  void slots(const std::string& where, const std::string& path, const ArraysCache& cache);
  void list(const std::string& where, const std::string& path, const CacheList& cache);
  [[noreturn]] static void refuse(const std::string& where, const std::string& why, const Remedy& remedy) {
    throw Error(ErrorKind::impossible, fmt::format("{}: {}", where, why), remedy);
  }

  Encoded& out_;
  const EncodeOptions& options_;
  std::string_view target_;
  std::size_t rows_ = 0;
};

void LeafTableEncoder::plain(const std::string& where, const std::string& path, const KVCache& cache) {
  const bool concatenate = is_concatenate(cache);
  if (concatenate && cache.empty())
    refuse(where, fmt::format("a ConcatenateKVCache that was never used is saved by {}, which cannot load it", target_),
           "mlx-swift-lm@2026-08 and mlxrs@0.1 load it; or save the cache again after the model has run");
  keys_and_values(path, cache.state());
  if (!concatenate) scalar(where, path + ".2", cache.size());
}

void LeafTableEncoder::quantized(const std::string& where, const std::string& path, const QuantizedKVCache& cache) {
  const auto& s = cache.state();
  // Here rows behind the offset are a buffer's: tokens whose offset was lost would pass for padding, and nothing would tell any
  // more.
  if (const auto refusal = cache.why_not_cut()) refuse(where, refusal->why, refusal->remedy);
  if (s.has_unnamed_mode())
    refuse(where, fmt::format("it is quantized in a mode without biases, which {} cannot load", target_),
           "only mlx-swift-lm and mlxrs read such layers");
  std::size_t half = 0;
  for (const Quantized* const q : {&s.keys, &s.values}) {
    const std::string triple = fmt::format("{}.{}", path, half++);
    if (cache.empty()) {
      array(triple, {});
      continue;
    }
    std::size_t k = 0;
    for (const Tensor* const t : {&q->weights, &q->scales, &q->biases}) array(fmt::format("{}.{}", triple, k++), *t);
  }
  scalars(where, path, 2, {s.offset, s.group_size, s.bits});
}

void LeafTableEncoder::chunked(const std::string& where, const std::string& path, const ChunkedKVCache& cache) {
  ChunkedKVCache::State s;
  try {
    s = cache.valid();
  } catch (const Error& error) {
    refuse(where, error.what(), error.remedy());
  }
  if (s.has_no_chunk_size())
    refuse(where, fmt::format("its chunk size is None, with which {} raises in the next step", target_),
           "only mlx-swift-lm and mlxrs read such layers; make the cache with the chunk size of the model's config.json");
  keys_and_values(path, s);
  scalars(where, path, 2, {cache.offset(), *s.chunk_size, s.start_position});
}

void LeafTableEncoder::slots(const std::string& where, const std::string& path, const ArraysCache& cache) {
  const auto& s = cache.state();
  if (s.slots.empty())
    refuse(where, fmt::format("it has no slots, and {} has no way to say so", target_),
           "a recurrent layer without state cannot be saved there");
  std::size_t used = s.slots.size();
  if (options_.drop_unset_slots && !cache.empty())
    while (!s.slots[used - 1].defined()) --used;
  for (std::size_t k = 0; k < used; ++k) array(fmt::format("{}.0.{}", path, k), s.slots[k]);
  std::size_t k = 1;
  for (const std::optional<Int32s>* const values : {&s.left_padding, &s.lengths}) {
    const std::string leaf = fmt::format("{}.{}", path, k++);
    if (*values) {
      integers(leaf, **values);
    } else {
      array(leaf, {});
    }
  }
}

void LeafTableEncoder::list(const std::string& where, const std::string& path, const CacheList& cache) {
  if (cache.children().empty())
    refuse(where, fmt::format("the list has no children, and {} has no way to say so", target_),
           "mlx-swift-lm and mlxrs count children and can store it");
  for (std::size_t i = 0; i < cache.children().size(); ++i) {
    const Cache& child = *cache.children()[i];
    state(fmt::format("{} child {}", where, i), fmt::format("{}.{}.0", path, i), child);
    text(fmt::format("{}.{}.1", path, i), stored_name(child));
  }
}

void LeafTableEncoder::state(const std::string& where, const std::string& path, const Cache& cache) {
  visit(cache, PerClass{[&](const KVCache& c) { plain(where, path, c); },
                        [&](const RotatingKVCache& c) {
                          refuse_short_window(where, c, target_);
                          const RotatingKVCache::State s = without_reserve(c);
                          keys_and_values(path, s);
                          scalars(where, path, 2, {s.offset, s.keep, s.max_size, s.idx});
                          if (s.origin == "requested") out_.warnings.push_back(origin_lost(where, target_));
                        },
                        [&](const QuantizedKVCache& c) { quantized(where, path, c); },
                        [&](const ChunkedKVCache& c) { chunked(where, path, c); },
                        [&](const ArraysCache& c) { slots(where, path, c); }, [&](const CacheList& c) { list(where, path, c); },
                        [&](const BatchKVCache& c) {
                          batch(path, c.state());
                          scalar(where, path + ".4", c.size());
                        },
                        [&](const BatchRotatingKVCache& c) {
                          const auto& s = c.state();
                          batch(path, s);
                          scalars(where, path, 4, {s.max_size, s.total, s.idx});
                          flag(path + ".7", s.rotated);
                          out_.warnings.push_back(batched_window_unusable(where));
                        },
                        [&](const OneOf<TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto& c) {
                          refuse(where, fmt::format("mlx-lm has no class '{}'", printable(c.class_name())),
                                 "keep the cache in the format of the runtime that made it");
                        }});
}

}  // namespace

Encoded encode_leaf_table(const EncodeRequest& request) {
  const PromptCache& cache = request.cache;
  Encoded out;
  out.tensors.reserve(9 * cache.layers.size());  // what a quantized layer becomes; the longest list otherwise grows by copies
  LeafTableEncoder encoder(out, request.options, request.traits.dialect.id);
  for (std::size_t i = 0; i < cache.layers.size(); ++i) {
    const Cache& layer = *cache.layers[i];
    encoder.state(layer_name(cache, i), std::to_string(i), layer);
    out.metadata.emplace(fmt::format("1.{}", i), stored_name(layer));
  }
  for (const auto& [key, value] : cache.metadata) out.metadata.emplace("0." + key, value);
  return out;
}

}  // namespace kvcache::detail

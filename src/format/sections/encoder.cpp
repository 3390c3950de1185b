#include "format/sections/encoder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join, since fmt 11

#include "cache/class_names.h"
#include "format/document.h"
#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& why, const Remedy& remedy) {
  throw Error(ErrorKind::impossible, fmt::format("{}: {}", where, why), remedy);
}

std::string join(const Int32s& values) {
  return fmt::format("{}", fmt::join(values, ","));
}

}  // namespace

void set_fields(EncodedLayer& layer, const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) layer.meta.emplace_back(std::to_string(i), values[i]);
}

void refuse_short_window(const std::string& where, const RotatingKVCache& cache, std::string_view target) {
  const RotatingKVCache::State& s = cache.state();
  if (!s.is_short()) return;
  refuse(where,
         fmt::format(
             "{} rows after {} tokens, because some were taken off after the window had wrapped: {} would silently go on from "
             "wrong rows",
             s.keys.defined() ? s.keys.dim(2) : 0, s.offset, target),
         "process the prompt again, or continue it in mlx-swift-lm@3.33");
}

RotatingKVCache::State without_reserve(const RotatingKVCache& cache) {
  if (!cache.state().reserve) return cache.state();
  RotatingKVCache ordered = cache;
  ordered.unrotate();  // more rows than the window holds are those of a long prefill, which lie in temporal order
  RotatingKVCache::State state = ordered.state();
  state.reserve.reset();
  return state;
}

std::string origin_lost(const std::string& where, std::string_view target) {
  return fmt::format("{}: {} does not store that the window was requested rather than the model's own", where, target);
}

std::string batched_window_unusable(const std::string& where) {
  return fmt::format(
      "{}: mlx-lm loads a BatchRotatingKVCache but raises when it is used; files of single sequences, as extracting makes "
      "them, work",
      where);
}

std::vector<Tensor> set_slots(const std::string& where, const ArraysCache& cache, std::string_view target, bool drop_unset) {
  std::vector<Tensor> slots = cache.state().slots;
  const auto first_unset = std::find_if(slots.begin(), slots.end(), [](const Tensor& t) { return !t.defined(); });
  if (first_unset == slots.end() && !slots.empty()) return slots;
  const auto index = first_unset - slots.begin();
  const bool trailing = std::none_of(first_unset, slots.end(), [](const Tensor& t) { return t.defined(); });
  if (slots.empty())
    refuse(where, fmt::format("it has no slots, and {} has no way to say so", target),
           "a recurrent layer without state cannot be saved there");
  if (index == 0 || !trailing)
    refuse(where, fmt::format("slot {} is not set, and {} has no way to say so", index, target),
           trailing ? "a recurrent layer that was never used cannot be saved there"
                    : "a later slot is set, so leaving this one out would shift it");
  if (!drop_unset)
    refuse(where, fmt::format("slot {} of {} is not set, and {} has no way to say so", index, slots.size(), target),
           Remedy(Remedy::Action::repeat, {{"drop_unset_slots", ""}}) +
               " leaves trailing unset slots out, which suits models that use only the first ones (LFM2)");
  slots.erase(first_unset, slots.end());
  return slots;
}

void Encoder::no_meta(EncodedLayer& layer, bool framed) const {
  if (framed) {
    if (traits_.framed_kv_placeholder) layer.meta.emplace_back("0", "");
  } else if (traits_.no_meta == NoMeta::scalar) {
    layer.meta.emplace_back("", "");
  } else if (traits_.no_meta == NoMeta::list) {
    layer.meta.emplace_back("0", "");
  }
}

void Encoder::require_used(const std::string& where, const Cache& cache) const {
  if (!cache.empty() || traits_.empty_layers) return;
  refuse(where, fmt::format("the layer was never used and has no arrays; {} cannot load such a layer", target()),
         Remedy(Remedy::Action::convert, {{"to", "mlx-lm@0.32"}}) +
             " writes a form that has such layers, as those of mlx-swift-lm@3.33 and mlxrs@0.1 do; or save the cache again "
             "after the model has run");
}

void Encoder::require_batch(const std::string& where, const Cache& cache, bool has_class, std::string_view what) const {
  const Remedy each = Remedy(Remedy::Action::extract_all) + " makes one file per sequence";
  if (!has_class) refuse(where, fmt::format("{} has no {} that it can load", target(), what), each);
  // Without arrays a file does not say how many sequences there are: a batch that knows would come back without its number.
  if (cache.empty() && (!traits_.empty_layers || cache.batch_size()))
    refuse(where, fmt::format("{} cannot hold an empty batch", target()), each);
}

EncodedLayer Encoder::plain(const std::string& where, const KVCache& cache, bool framed) {
  require_used(where, cache);
  EncodedLayer out;
  const bool concatenate =
      is_concatenate(cache) && traits_.dialect.family == Family::mlx_lm && traits_.release.concatenate_class;
  out.class_text = concatenate ? "ConcatenateKVCache" : "KVCache";
  if (!cache.empty()) out.arrays = {{"0", cache.state().keys}, {"1", cache.state().values}};
  no_meta(out, framed);
  return out;
}

EncodedLayer Encoder::rotating(const std::string& where, const RotatingKVCache& cache) {
  require_used(where, cache);
  const bool flag = traits_.rotating_fields >= 7;
  if (!flag) refuse_short_window(where, cache, target());
  const RotatingKVCache::State s = without_reserve(cache);
  EncodedLayer out;
  out.class_text = class_name_of(cache.kind());
  if (!cache.empty()) out.arrays = {{"0", s.keys}, {"1", s.values}};
  std::vector<std::string> fields = {std::to_string(s.keep), std::to_string(s.max_size)};
  if (traits_.rotating_fields >= 5) fields.emplace_back("256");  // the growth step, the same in every release
  fields.push_back(std::to_string(s.offset));
  fields.push_back(std::to_string(s.idx));
  if (traits_.rotating_fields >= 6) {
    fields.push_back(s.origin.value_or("modelNative"));
  } else if (s.origin == "requested") {
    warnings_.push_back(origin_lost(where, target()));
  }
  if (flag) {
    const bool wrapped = s.wrapped.value_or(!cache.empty() && s.idx < s.keys.dim(2));
    fields.emplace_back(wrapped ? traits_.true_text : traits_.false_text);
  }
  set_fields(out, fields);
  return out;
}

EncodedLayer Encoder::quantized(const std::string& where, const QuantizedKVCache& cache) {
  require_used(where, cache);
  const QuantizedKVCache::State& s = cache.state();
  if (!traits_.release.quantized_class)
    refuse(where, fmt::format("{} has no QuantizedKVCache", target()), "'kvcache dequantize' first, or a newer release");
  if (traits_.release.quantized_fixed && (s.bits != 8 || s.group_size != 64))
    refuse(where,
           fmt::format("{} takes every quantized layer for 8 bits in groups of 64, and this one has {} in groups of {}",
                       target(), s.bits, s.group_size),
           "mlx-swift-lm@3.31.4 reads both from the file; or 'kvcache dequantize' first");
  EncodedLayer out;
  out.class_text = class_name_of(cache.kind());
  if (!cache.empty()) {
    const bool biases = s.keys.biases.defined();
    if (s.has_unnamed_mode() && traits_.nested_quantized)
      refuse(where, fmt::format("it is quantized in a mode without biases, which {} cannot load", target()),
             "only mlx-swift-lm and mlxrs read such layers");
    std::size_t flat = 0;
    for (std::size_t half = 0; half < 2; ++half) {
      const Quantized& q = half == 0 ? s.keys : s.values;
      const Tensor* const tensors[] = {&q.weights, &q.scales, &q.biases};
      for (std::size_t k = 0; k < (biases ? 3U : 2U); ++k) {
        out.arrays.emplace_back(traits_.nested_quantized ? fmt::format("{}.{}", half, k) : std::to_string(flat), *tensors[k]);
        ++flat;
      }
    }
  }
  std::vector<std::string> fields;
  if (traits_.quantized_fields == 4) fields.emplace_back("256");
  for (const std::int64_t value : {s.offset, s.group_size, s.bits}) fields.push_back(std::to_string(value));
  set_fields(out, fields);
  return out;
}

EncodedLayer Encoder::chunked(const std::string& where, const ChunkedKVCache& cache) {
  require_used(where, cache);
  if (!traits_.release.chunked_class)
    refuse(where, fmt::format("{} has no ChunkedKVCache that its loader finds", target()), "a newer release has");
  if (cache.empty() && traits_.dialect.family == Family::mlxrs)
    refuse(where, "mlxrs cannot load a ChunkedKVCache that was never used", "mlx-swift-lm@3.33 can load it");
  const ChunkedKVCache::State s = cache.repaired();
  if (s.has_no_chunk_size() && !traits_.chunk_none)
    refuse(where, fmt::format("its chunk size is None, which {} cannot load", target()),
           "only mlx-swift-lm and mlxrs read such layers; make the cache with the chunk size of the model's config.json");
  EncodedLayer out;
  out.class_text = class_name_of(cache.kind());
  if (!cache.empty()) out.arrays = {{"0", s.keys}, {"1", s.values}};
  set_fields(out, {s.has_no_chunk_size() ? "None" : std::to_string(*s.chunk_size), std::to_string(s.start_position)});
  return out;
}

/// A file of the target's format is only edited, not converted.
bool Encoder::edited() const {
  const Family family = traits_.dialect.family;
  return from_ && (family == Family::mlx_lm ? *from_ == traits_.dialect.era : dialect(*from_).family == family);
}

void Encoder::require_usable_slots(const std::string& where) const {
  if (!traits_.release.slots_usable)
    refuse(where,
           fmt::format("{} restores recurrent state without left_padding and lengths, and raises in the first step", target()),
           "mlx-lm@0.30.5 loads the same file and goes on");
}

/// Whether recurrent state is called MambaCache: as before in a file that is only edited, else by what the models of the target
/// ask for (docs/formats.md, "What conversion keeps").
bool Encoder::mamba_class(const ArraysCache& cache, std::size_t slots) const {
  const Family family = traits_.dialect.family;
  if (traits_.release.mamba_needed && slots == 2) return true;
  if (edited()) return cache.state().mamba && traits_.mamba_class;
  if (family == Family::mlx_lm) return false;  // 0.30.6 and later of mlx-lm@0.28 have no MambaCache
  if (family != Family::mlx_swift_lm) return cache.state().mamba;
  // Swift models cast to MambaCache and ignore the state of an ArraysCache, even those that use one slot only (LFM2).
  return cache.state().mamba || slots == 1 || slots == mamba_slots;
}

/// The slots of a layer of an era that says which of them are set. Swift's models make their MambaCache of two and set the
/// first one alone where they need no more; elsewhere such a layer is an ArraysCache(1) once its unset slot is dropped.
std::vector<Tensor> Encoder::listed_slots(const ArraysCache& cache) const {
  std::vector<Tensor> slots = cache.state().slots;
  if (traits_.dialect.family == Family::mlx_swift_lm) {
    if (mamba_class(cache, slots.size())) slots.resize(std::max(slots.size(), mamba_slots));
    return slots;
  }
  const auto last_set = std::find_if(slots.rbegin(), slots.rend(), [](const Tensor& t) { return t.defined(); });
  if (options_.drop_unset_slots && last_set != slots.rend()) slots.erase(last_set.base(), slots.end());
  return slots;
}

EncodedLayer Encoder::arrays(const std::string& where, const ArraysCache& cache) {
  const ArraysCache::State& s = cache.state();
  EncodedLayer out;
  const auto lose = [&](std::string_view what) {
    warnings_.push_back(
        fmt::format("{}: {} does not store {}; they are left out, as its own writer does", where, target(), what));
  };
  if (traits_.slots == SlotLayout::listed) {
    const std::vector<Tensor> slots = listed_slots(cache);
    const bool shortened = slots.size() < s.slots.size() && slots.size() < mamba_slots;
    out.class_text = mamba_class(cache, s.slots.size()) && !shortened ? "MambaCache" : "ArraysCache";
    std::string present;
    std::size_t n = 0;
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      if (!slots[slot].defined()) continue;
      present += fmt::format("{}{}", present.empty() ? "" : ",", slot);
      out.arrays.emplace_back(std::to_string(n++), slots[slot]);
    }
    std::vector<std::string> fields = {std::to_string(slots.size()), present};
    const bool lengths = s.lengths && traits_.slot_fields >= 4;
    if (s.left_padding && traits_.dialect.family == Family::mlxrs && s.left_padding->size() > slots.size())
      refuse(where,
             fmt::format("{} left paddings for {} slots: mlxrs refuses to load more than one a slot", s.left_padding->size(),
                         slots.size()),
             Remedy(Remedy::Action::extract_all) + " makes one file per sequence");
    if (s.left_padding || lengths) fields.push_back(s.left_padding ? join(*s.left_padding) : "");
    if (lengths) fields.push_back(join(*s.lengths));
    if (s.lengths && !lengths) lose("lengths");
    set_fields(out, fields);
    return out;
  }

  const std::vector<Tensor> slots = set_slots(where, cache, target(), options_.drop_unset_slots);
  require_usable_slots(where);
  out.class_text = mamba_class(cache, slots.size()) ? "MambaCache" : "ArraysCache";
  if (out.class_text == "ArraysCache" && slots.size() == 2 && traits_.arrays_class && traits_.mamba_class && !edited())
    warnings_.push_back(fmt::format(
        "{}: models of mlx-lm up to 0.30.5 keep such state up to date in a MambaCache alone, which later releases have "
        "not; mlx-lm@0.30.5 as the target writes one",
        where));
  if (!traits_.arrays_class) {
    if (slots.size() != 2)
      refuse(where,
             fmt::format("{} loads recurrent state only as a MambaCache of two slots, and this layer has {}", target(),
                         slots.size()),
             "mlx-lm@0.28 and later load it");
    out.class_text = "MambaCache";
  }
  no_meta(out, false);
  for (std::size_t slot = 0; slot < slots.size(); ++slot)
    out.arrays.emplace_back(traits_.slots == SlotLayout::nested ? fmt::format("0.{}", slot) : std::to_string(slot),
                            slots[slot]);
  if (traits_.slots == SlotLayout::nested) {
    const auto optional = [](const std::optional<Int32s>& v) {
      return v ? Tensor::of_i32(*v) : Tensor::zeros(Dtype::F32, {0});
    };
    out.arrays.emplace_back("1", optional(s.left_padding));
    out.arrays.emplace_back("2", optional(s.lengths));
  } else {
    if (s.left_padding) lose("left paddings");
    if (s.lengths) lose("lengths");
  }
  return out;
}

EncodedLayer Encoder::list(const std::string& where, const CacheList& cache) {
  EncodedLayer out;
  out.class_text = class_name_of(cache.kind());
  if (traits_.list == ListLayout::flat)
    refuse(where, fmt::format("{} cannot load a CacheList", target()),
           "mlx-lm@0.31, mlx-swift-lm@3.31 and mlxrs@0.1 can load it");
  const bool framed = traits_.list == ListLayout::framed;
  if (cache.children().empty() && !framed)
    refuse(where, fmt::format("the list has no children, and {} has no way to say so", target()),
           "mlx-swift-lm and mlxrs count children and can store it");
  std::vector<EncodedLayer> children;
  for (std::size_t i = 0; i < cache.children().size(); ++i)
    children.push_back(encode(fmt::format("{} child {}", where, i), *cache.children()[i], framed));
  if (!framed) {
    for (std::size_t i = 0; i < children.size(); ++i) {
      out.meta.emplace_back(fmt::format("0.{}", i), children[i].class_text);
      for (auto& [path, value] : children[i].meta)
        out.meta.emplace_back(path.empty() ? fmt::format("1.{}", i) : fmt::format("1.{}.{}", i, path), value);
      for (auto& [path, tensor] : children[i].arrays) out.arrays.emplace_back(fmt::format("{}.{}", i, path), tensor);
    }
    return out;
  }
  std::vector<std::string> words = {std::to_string(children.size())};
  std::size_t next = 0;
  for (const EncodedLayer& child : children) {
    words.push_back(child.class_text);
    words.push_back(std::to_string(child.arrays.size()));
    words.push_back(std::to_string(child.meta.size()));
    for (const auto& [path, value] : child.meta) words.push_back(value);
    for (const auto& [path, tensor] : child.arrays) out.arrays.emplace_back(std::to_string(next++), tensor);
  }
  set_fields(out, words);
  return out;
}

EncodedLayer Encoder::batch(const std::string& where, const BatchKVCache& cache, bool framed) {
  require_batch(where, cache, traits_.batch_class, "batch cache");
  const BatchKVCache::State& s = cache.state();
  EncodedLayer out;
  out.class_text = class_name_of(cache.kind());
  no_meta(out, framed);
  if (!cache.empty())
    out.arrays = {{"0", s.keys}, {"1", s.values}, {"2", Tensor::of_i32(s.offset)}, {"3", Tensor::of_i32(s.left_padding)}};
  return out;
}

EncodedLayer Encoder::batch_rotating(const std::string& where, const BatchRotatingKVCache& cache) {
  require_batch(where, cache, traits_.batch_rotating_class, "batched window");
  const BatchRotatingKVCache::State& s = cache.state();
  if (traits_.release.batch_rotating_usable) {
    if (!s.rotated && !cache.empty() && s.keys.shape()[2] != s.max_size)
      refuse(where,
             fmt::format("{} takes any text of 'rotated' for true, and would read the rows in the wrong order", target()),
             Remedy(Remedy::Action::extract_all) + " makes one file per sequence");
  } else if (traits_.dialect.family == Family::mlx_lm) {
    warnings_.push_back(batched_window_unusable(where));
  }
  EncodedLayer out;
  out.class_text = class_name_of(cache.kind());
  if (!cache.empty())
    out.arrays = {{"0", s.keys}, {"1", s.values}, {"2", Tensor::of_i32(s.offset)}, {"3", Tensor::of_i32(s.left_padding)}};
  set_fields(out, {std::to_string(s.max_size), std::to_string(s.total), std::to_string(s.idx),
                   std::string(s.rotated ? traits_.true_text : traits_.false_text)});
  return out;
}

EncodedLayer Encoder::turbo(const std::string& where, const TurboQuantKVCache& cache) {
  if (!traits_.turbo_class && !(traits_.writes_turbo && from_ == traits_.dialect.era))
    refuse(where, fmt::format("{} has no TurboQuantKVCache", target()),
           "its codes cannot be decoded exactly outside mlx-swift-lm: keep the cache in mlx-swift-lm@2026-08");
  const TurboQuantKVCache::State& s = cache.state();
  EncodedLayer out;
  out.class_text = class_name_of(cache.kind());
  for (std::size_t i = 0; i < s.arrays.size(); ++i) out.arrays.emplace_back(std::to_string(i), s.arrays[i]);
  set_fields(out, {std::to_string(s.offset), std::to_string(s.bits), std::to_string(s.key_bits), std::to_string(s.value_bits),
                   std::to_string(s.seed)});
  return out;
}

EncodedLayer Encoder::variance_normalized(const std::string& where, const VarianceNormalizedKVCache& cache) {
  if (!traits_.variance_normalized_class)
    refuse(
        where, fmt::format("{} has no VarianceNormalizedKVCache", target()),
        "its tiles cannot be decoded exactly outside mlx-swift-lm: keep the cache in mlx-swift-lm@3.33, or process the prompt "
        "again");
  const VarianceNormalizedKVCache::State& s = cache.state();
  EncodedLayer out;
  out.class_text = class_name_of(cache.kind());
  for (std::size_t i = 0; i < s.arrays.size(); ++i) out.arrays.emplace_back(std::to_string(i), s.arrays[i]);
  std::vector<std::string> fields;
  for (const std::int64_t value :
       {s.tile_size, s.offset, s.key_bits, s.value_bits, s.sinkhorn_iterations, s.tile_count, s.tail_length})
    fields.push_back(std::to_string(value));
  if (s.key_dtype && s.value_dtype) fields.insert(fields.end(), {"1", *s.key_dtype, *s.value_dtype});
  set_fields(out, fields);
  return out;
}

EncodedLayer Encoder::encode(const std::string& where, const Cache& cache, bool framed) {
  return visit(
      cache,
      PerClass{[&](const KVCache& c) { return plain(where, c, framed); },
               [&](const RotatingKVCache& c) { return rotating(where, c); },
               [&](const QuantizedKVCache& c) { return quantized(where, c); },
               [&](const ChunkedKVCache& c) { return chunked(where, c); },
               [&](const ArraysCache& c) { return arrays(where, c); }, [&](const CacheList& c) { return list(where, c); },
               [&](const BatchKVCache& c) { return batch(where, c, framed); },
               [&](const BatchRotatingKVCache& c) { return batch_rotating(where, c); },
               [&](const TurboQuantKVCache& c) { return turbo(where, c); },
               [&](const VarianceNormalizedKVCache& c) { return variance_normalized(where, c); },
               [&](const OpaqueCache& c) -> EncodedLayer {
                 refuse(where,
                        fmt::format("class '{}' is not understood, so that it cannot be written in another form",
                                    printable(c.class_name())),
                        "only the program that wrote it can convert it; metadata, stamp and diff work on its file");
               }});
}

}  // namespace kvcache::detail

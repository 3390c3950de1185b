// What distinguishes the eras: the table of docs/formats.md as data. Detection, decoding and encoding all read it, so that for
// them a new era is one entry in its family's file. What its loader makes of files of other eras is in src/verify, by name
// where no trait says it.
#pragma once

#include <span>
#include <string_view>

#include "kvcache/format.h"
#include "kvcache/release.h"

namespace kvcache::detail {

/// How a class without metadata shows in section 0.
enum class NoMeta : std::uint8_t {
  absent,  ///< no key at all
  scalar,  ///< "0.i" = ""
  list,    ///< "0.i.0" = ""
};

/// Where the slots of an ArraysCache are.
enum class SlotLayout : std::uint8_t {
  flat,     ///< "i.s"; every slot set, nothing else stored
  nested,   ///< "i.0.s" with left_padding at "i.1" and lengths at "i.2"
  compact,  ///< "i.j", set slots only, and no word about which
  listed,   ///< as compact, with metadata: number of slots, the set ones, left paddings, lengths
};

/// How a CacheList stores its children.
enum class ListLayout : std::uint8_t {
  flat,    ///< arrays concatenated; classes and metadata of the children are lost
  nested,  ///< arrays at "i.c...", classes at "0.i.0.c", metadata at "0.i.1.c"
  framed,  ///< arrays concatenated; one flat list of counts, classes and metadata
};

/// In what releases of one era differ. The defaults are those of an era as a whole: what it writes suits as many of its
/// releases as it can, and it loads what one of them loads.
struct ReleaseTraits {
  bool quantized_class = true;         ///< has a QuantizedKVCache
  bool chunked_class = true;           ///< has a ChunkedKVCache, where it is looked for
  bool concatenate_class = true;       ///< has a ConcatenateKVCache
  bool mamba_needed = false;           ///< models keep state of two slots up to date in a MambaCache alone
  bool slots_usable = true;            ///< a recurrent layer that was loaded can be continued
  bool batch_rotating_usable = false;  ///< a batched window that was loaded can be continued, if the flag `rotated` is true
  bool quantized_fixed = false;        ///< takes every quantized layer for 8 bits in groups of 64
};

/// How files arrange what is in them (file_layout.h).
enum class LayoutName : std::uint8_t {
  sections,       ///< arrays by index path; sections of metadata: of the layers, of the user, classes
  leaf_table,     ///< as sections, with classes in section 1 and a table of what each array stands for
  named_tensors,  ///< keys and values by name, no classes
};

struct EraTraits {
  Dialect dialect;
  LayoutName layout;
  bool current;  ///< what the name of the family alone means
  NoMeta no_meta;
  std::size_t rotating_fields;   ///< 4: keep, max_size, offset, idx; 5: step before offset; 6: origin behind; 7: wrapped
  bool nested_quantized;         ///< (weights, scales, biases) of keys and of values as two groups, or six in a row
  std::size_t quantized_fields;  ///< 3: offset, group_size, bits; 4: step first
  SlotLayout slots;
  std::size_t slot_fields;  ///< SlotLayout::listed: most fields the era writes
  ListLayout list;
  bool framed_kv_placeholder;      ///< ListLayout::framed: a child without metadata counts one empty string
  bool mislabels;                  ///< ChunkedKVCache and ArraysCache carry the class name KVCache
  bool mamba_class;                ///< the runtime has a MambaCache
  bool arrays_class;               ///< the runtime loads an ArraysCache
  bool batch_class;                ///< the runtime loads a BatchKVCache
  bool batch_rotating_class;       ///< the runtime has a BatchRotatingKVCache
  bool turbo_class;                ///< every release has a TurboQuantKVCache and loads it
  bool writes_turbo;               ///< the era's newest commits write it
  bool variance_normalized_class;  ///< has a VarianceNormalizedKVCache
  bool model_state;                ///< can carry model state beside the layers
  bool empty_layers;               ///< loads layers without arrays
  bool chunk_none;                 ///< a ChunkedKVCache may have no chunk size
  std::string_view true_text, false_text;
  ReleaseTraits release = {};
};

[[nodiscard]] std::span<const EraTraits> mlx_lm_eras() noexcept;
[[nodiscard]] std::span<const EraTraits> mlx_swift_lm_eras() noexcept;
[[nodiscard]] std::span<const EraTraits> mlxrs_eras() noexcept;

[[nodiscard]] const EraTraits& traits(Era era) noexcept;
/// Those of the releases meant, where they all differ from the era as a whole in the same way (releases.cpp).
[[nodiscard]] EraTraits traits(const Target& target);

/// Eras whose traits fulfil a predicate.
template <typename Predicate>
[[nodiscard]] EraSet all_eras_where(Predicate predicate) {
  EraSet set;
  for (const auto eras : {mlx_lm_eras(), mlxrs_eras(), mlx_swift_lm_eras()})
    for (const EraTraits& t : eras)
      if (predicate(t)) set |= EraSet{t.dialect.era};
  return set;
}

/// Those whose files are laid out so.
[[nodiscard]] EraSet eras_laid_out_as(LayoutName layout) noexcept;

/// Of those with sections, whose traits fulfil a predicate: the other layouts do not have what the traits are about.
template <typename Predicate>
[[nodiscard]] EraSet eras_where(Predicate predicate) {
  return all_eras_where([&](const EraTraits& t) { return t.layout == LayoutName::sections && predicate(t); });
}

/// Those of one runtime, with sections again.
[[nodiscard]] inline EraSet eras_of(Family family) {
  return eras_where([family](const EraTraits& t) { return t.dialect.family == family; });
}

}  // namespace kvcache::detail

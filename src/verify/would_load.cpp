// Would the loader of an era restore a file, correctly? Silently wrong counts as no (docs/formats.md, "Who reads whose files").
#include <fmt/format.h>

#include <algorithm>

#include "cache/class_names.h"
#include "format/dialects/era.h"
#include "format/file_layout.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/verify.h"
#include "verify/known_model.h"
#include "verify/rules.h"

namespace kvcache {
namespace {

using detail::EraTraits;

/// Those that frame the children of a CacheList as Swift's loaders expect them.
constexpr EraSet framed_by_swift_eras{Era::S3, Era::S4, Era::S5};

constexpr std::uint64_t mlxrs_file_limit = 8ULL << 30U;

/// Slots that are listed in the metadata, which mlxrs restores with a third field at most. It drops lengths beside left
/// paddings, as its own files do; the mask asks for lengths only where there are no left paddings.
std::optional<std::string> slots_in_rust(const ArraysCache& cache) {
  const ArraysCache::State& s = cache.state();
  if (s.left_padding && s.left_padding->size() > s.slots.size())
    return fmt::format("it refuses {} left paddings for {} slots", s.left_padding->size(), s.slots.size());
  if (s.lengths && !s.left_padding) return "an empty list of left paddings becomes a mask without rows";
  return std::nullopt;
}

/// One layer seen by one loader: a reason why it is not restored, or nothing.
class LayerLoader {
 public:
  LayerLoader(const Document& document, const Target& target)
      : document_(document),
        loader_(detail::traits(target)),
        era_(target.era()),
        with_meta_(detail::layers_with_meta(document)) {}

  [[nodiscard]] std::optional<std::string> refusal(std::size_t layer) const;

 private:
  [[nodiscard]] bool python() const { return loader_.dialect.family == Family::mlx_lm; }
  [[nodiscard]] bool reads_form(EraSet eras) const;
  [[nodiscard]] bool swift() const { return loader_.dialect.family == Family::mlx_swift_lm; }
  [[nodiscard]] bool rust() const { return loader_.dialect.family == Family::mlxrs; }

  [[nodiscard]] std::optional<std::string> plain(std::size_t layer) const;
  [[nodiscard]] std::optional<std::string> arrays(const ArraysCache& cache, const LayerSource& source) const;
  [[nodiscard]] std::optional<std::string> list(const CacheList& cache, EraSet eras) const;
  [[nodiscard]] std::optional<std::string> child(const Cache& cache, EraSet eras) const;
  [[nodiscard]] std::optional<std::string> without_arrays(const Cache& cache) const;
  [[nodiscard]] std::optional<std::string> unusable(const Cache& cache) const;
  [[nodiscard]] std::optional<std::string> unusable_window(const BatchRotatingKVCache& cache) const;
  [[nodiscard]] std::optional<std::string> unusable_codes(const QuantizedKVCache::State& s) const;
  [[nodiscard]] std::string other_form(const LayerSource& source) const;
  const Document& document_;
  EraTraits loader_;
  Era era_;
  std::size_t with_meta_;  ///< Python fills gaps in the metadata, but stops at its last entry
};

/// Swift's loaders also take what those before them wrote, since 3.31: windows that say less than their own.
bool LayerLoader::reads_form(EraSet eras) const {
  if (era_ == Era::S4) return !(eras & EraSet{Era::S3, Era::S4}).none();
  if (era_ == Era::S5) return !(eras & framed_by_swift_eras).none();
  return eras.has(era_);
}

std::string LayerLoader::other_form(const LayerSource& source) const {
  const Dialect* writer = preferred(source.eras);
  const std::string as = writer == nullptr ? "no known runtime saves it" : fmt::format("{} saves it", writer->id);
  return fmt::format("it is saved as {}{}", as, source.evidence.empty() ? "" : fmt::format(" ({})", source.evidence.back()));
}

std::optional<std::string> LayerLoader::plain(std::size_t layer) const {
  const LayerSource& source = document_.sources[layer];
  const std::string_view name = source.class_text;
  if ((name == "KVCacheSimple" && python()) || (name == "StandardKvCache" && !rust()))
    return fmt::format("it has no class {}", name);
  if (detail::is_concatenate(name) && python() && !loader_.release.concatenate_class)
    return "it has no class ConcatenateKVCache";
  if (source.eras.has(era_)) return std::nullopt;
  if (rust() && (detail::is_concatenate(name) || source.eras == EraSet{Era::S1}))
    return std::nullopt;  // absent metadata is empty metadata
  if (python() && source.eras == EraSet{Era::S1} && layer < with_meta_) return std::nullopt;
  if (python() && source.eras == EraSet{Era::S1}) return "the last layers have no metadata: mlx-lm silently drops them";
  return other_form(source);
}

std::optional<std::string> LayerLoader::arrays(const ArraysCache& cache, const LayerSource& source) const {
  const EraSet eras = source.eras;
  const ArraysCache::State& s = cache.state();
  if (python()) {
    if (s.mamba && !loader_.mamba_class) return "it has no class MambaCache";
    if (!s.mamba && !loader_.arrays_class) return "its loader cannot make an ArraysCache: the class wants a size";
    if (!loader_.release.slots_usable)
      return "it restores the state without left_padding and lengths, and raises in the first step";
    if (!s.mamba && s.slots.size() == 2 && loader_.release.mamba_needed)
      return "its models keep state of two slots up to date in a MambaCache alone, and decode wrongly with an ArraysCache";
    if (eras.has(era_)) return std::nullopt;
    if (era_ == Era::P4 && eras.has(Era::P3))
      return s.slots.size() == 3 ? "it silently takes slots 1 and 2 for left_padding and lengths" : "its slots are not nested";
    if (eras == EraSet{Era::P4}) return "it silently restores the whole list as a single slot";
    return other_form(source);
  }
  const bool compact = eras == EraSet{Era::S2};
  if (swift()) {
    if (s.lengths && loader_.slots == detail::SlotLayout::listed && loader_.slot_fields < 4)
      return s.left_padding ? "it ignores the lengths" : "an empty list of left paddings becomes a mask without rows";
    if (eras.has(era_)) return std::nullopt;
    if (compact && loader_.slots == detail::SlotLayout::listed) return std::nullopt;
    return other_form(source);
  }
  // mlxrs reads every flat form; nested slots vanish.
  if (eras == EraSet{Era::P4}) return "it ignores nested arrays, so the layer comes back empty";
  if (!eras.has(Era::S3)) return std::nullopt;
  if (auto reason = slots_in_rust(cache)) return reason;
  if (!eras.has(Era::R1) && !s.left_padding) return "an empty list of left paddings becomes a mask without rows";
  return std::nullopt;
}

/// No loader but the newest ones takes a layer that was never used, and mlxrs no chunked one.
std::optional<std::string> LayerLoader::without_arrays(const Cache& cache) const {
  if (!loader_.empty_layers || (rust() && is<ChunkedKVCache>(cache))) return "it cannot load a layer without arrays";
  return std::nullopt;
}

/// What no form of the class helps against.
std::optional<std::string> LayerLoader::unusable(const Cache& cache) const {
  using Why = std::optional<std::string>;
  const auto unless = [](bool has, std::string_view why) { return has ? Why() : Why(why); };
  return visit(
      cache,
      PerClass{[&](const BatchKVCache&) { return unless(loader_.batch_class, "it has no batch cache that it can load"); },
               [&](const BatchRotatingKVCache& window) { return unusable_window(window); },
               [&](const ChunkedKVCache&) {
                 return unless(loader_.release.chunked_class, "it has no class ChunkedKVCache that its loader finds");
               },
               [&](const TurboQuantKVCache&) { return unless(loader_.turbo_class, "it has no TurboQuantKVCache"); },
               [&](const QuantizedKVCache& quantized) { return unusable_codes(quantized.state()); },
               [&](const VarianceNormalizedKVCache&) {
                 return unless(loader_.variance_normalized_class, "it has no VarianceNormalizedKVCache");
               },
               [&](const RotatingKVCache& window) {
                 return unless(!window.state().reserve, "its metadata has an eighth field, which no release reads");
               },
               [](const OneOf<KVCache, ArraysCache, CacheList, OpaqueCache> auto&) { return Why(); }});
}

std::optional<std::string> LayerLoader::unusable_window(const BatchRotatingKVCache& cache) const {
  const BatchRotatingKVCache::State& s = cache.state();
  if (!loader_.batch_rotating_class) return "it has no batched window that it can load";
  if (python() && !loader_.release.batch_rotating_usable)
    return "it takes the text of 'rotated' for true, or raises at the first update after loading";
  if (python() && !s.rotated && !cache.empty() && s.keys.shape()[2] != s.max_size)
    return "it takes the text of 'rotated' for true, and reads the rows in the wrong order";
  return std::nullopt;
}

std::optional<std::string> LayerLoader::unusable_codes(const QuantizedKVCache::State& s) const {
  if (!loader_.release.quantized_class) return "it has no class QuantizedKVCache";
  if (loader_.release.quantized_fixed && (s.bits != 8 || s.group_size != 64))
    return "it takes every quantized layer for 8 bits in groups of 64";
  if (python() && s.has_unnamed_mode()) return "it cannot use a quantization without biases";
  return std::nullopt;
}

std::optional<std::string> LayerLoader::list(const CacheList& cache, EraSet eras) const {
  const bool framed_by_swift = !(eras & framed_by_swift_eras).none();
  const bool read = reads_form(eras) || (rust() && framed_by_swift);
  if (!read) return std::string("children are stored in another form");
  for (std::size_t i = 0; i < cache.children().size(); ++i)
    if (const auto reason = child(*cache.children()[i], eras))
      return fmt::format("child {} ({}): {}", i, cache.children()[i]->class_name(), *reason);
  return std::nullopt;
}

/// A child of a list whose form the loader reads: what the class alone decides, and where forms of two runtimes differ.
std::optional<std::string> LayerLoader::child(const Cache& cache, EraSet eras) const {
  using Why = std::optional<std::string>;
  const auto by_class = [&](const Cache& leaf) { return leaf.empty() ? without_arrays(leaf) : unusable(leaf); };
  return visit(cache,
               PerClass{[&](const CacheList& nested) { return list(nested, eras); },
                        [&](const ArraysCache& slots) { return rust() ? slots_in_rust(slots) : Why(); },
                        // Their metadata is of another length in Swift's lists, whether they were used or not.
                        [&](const OneOf<KVCache, RotatingKVCache> auto& leaf) {
                          auto reason = by_class(leaf);
                          if (reason || eras.has(era_) || !rust()) return reason;
                          return Why("it counts other metadata than the loader expects");
                        },
                        [&](const OneOf<QuantizedKVCache, ChunkedKVCache, BatchKVCache, BatchRotatingKVCache, TurboQuantKVCache,
                                        VarianceNormalizedKVCache, OpaqueCache> auto& leaf) { return by_class(leaf); }});
}

std::optional<std::string> LayerLoader::refusal(std::size_t layer) const {
  const LayerSource& source = document_.sources[layer];
  const Cache& cache = *document_.cache.layers[layer];
  const bool mislabelled = source.class_text == "KVCache" && !is<KVCache>(cache);
  if (mislabelled) return "class KVCache with the contents of another class fits no loader";
  const bool own_form = source.eras.has(era_);
  // mlxrs skips the step in front.
  const bool reads_codes = own_form || (rust() && source.eras.has(Era::S3));
  if (cache.empty() && !is<ArraysCache>(cache) && !is<CacheList>(cache)) {
    const bool read = is<QuantizedKVCache>(cache) ? reads_codes : reads_form(source.eras);
    return read ? without_arrays(cache) : "it cannot load a layer without arrays";
  }
  const auto in_form = [&](bool read) { return read ? std::nullopt : std::optional(other_form(source)); };
  const auto usable = [&](bool read) {
    auto reason = unusable(cache);
    return reason ? reason : in_form(read);
  };
  return visit(cache,
               PerClass{[&](const KVCache&) { return plain(layer); }, [&](const ArraysCache& c) { return arrays(c, source); },
                        [&](const CacheList& c) { return list(c, source.eras); },
                        // Either spelling of 'rotated' is read, and the rest is the same in all eras that have the classes.
                        [&](const OneOf<BatchKVCache, BatchRotatingKVCache> auto&) { return usable(true); },
                        [&](const RotatingKVCache&) { return usable(reads_form(source.eras)); },
                        [&](const QuantizedKVCache&) { return usable(reads_codes); },
                        [&](const OneOf<ChunkedKVCache, TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) {
                          return usable(own_form);
                        }});
}

bool too_large(const Document& document, const Dialect& loader) {
  return loader.family == Family::mlxrs && document.file.header().file_bytes > mlxrs_file_limit;
}

/// What makes a file that the target loads, or nothing.
Remedy how_to_fix(const Document& document, const Target& target, const Findings& findings) {
  const Dialect& loader = dialect(target.era());
  if (!loader.writable) return {};
  const auto lost_children = [](const Finding& f) { return f.code == "KV312"; };
  if (std::any_of(findings.begin(), findings.end(), lost_children))
    return Remedy(Remedy::Action::convert, {{"children", "KVCache,ArraysCache:2"}, {"to", target.id()}}) +
           "  # with the model's own children";
  // Writing repairs no other error than the rows of chunked layers, so there is nothing to convert (require_sound).
  if (std::any_of(findings.begin(), findings.end(), prevents_editing)) return {};
  // What the era writes itself is no better: its own loader refuses it.
  const bool batched_window = std::any_of(document.cache.layers.begin(), document.cache.layers.end(), [](const auto& layer) {
    return any_leaf(*layer, [](const Cache& leaf) { return is<BatchRotatingKVCache>(leaf); });
  });
  if (batched_window && loader.family == Family::mlx_lm) return Remedy(Remedy::Action::extract_all);
  if (!detail::judge_form(document, target.era()).wrong.empty()) return {};  // convert refuses it, too
  if (too_large(document, loader)) return Remedy(Remedy::Action::quantize, {{"bits", "8"}});
  Remedy convert(Remedy::Action::convert, {{"to", target.id()}});
  try {
    (void)encode(document.cache, target);
    return convert;
  } catch (const Error& e) {
    return e.remedy();
  }
}

std::optional<std::string> misread(const Document& document, const Target& target, const Findings& findings) {
  const Era era = target.era();
  const EraTraits& loader = detail::traits(era);
  const auto error =
      std::find_if(findings.begin(), findings.end(), [](const Finding& f) { return f.severity == Severity::error; });
  if (error != findings.end())
    return fmt::format("{}{}{} ({})", error->where.text(), error->where.empty() ? "" : ": ", error->message, error->code);
  // Two layouts that share nothing with the others.
  if (detail::may_be_laid_out_as(detail::LayoutName::named_tensors, document)) {
    if (loader.layout == detail::LayoutName::named_tensors) return std::nullopt;
    return fmt::format("the file is laid out as {} writes it", dialect(Era::L0).id);
  }
  if (loader.layout == detail::LayoutName::named_tensors) return fmt::format("it reads nothing but {}", dialect(Era::L0).id);
  if (std::ranges::find(document.findings, "KV916", &Finding::code) != document.findings.end())
    return "it takes the stand-ins of Rapid-MLX for slots and arrays of one element";
  if (loader.layout == detail::LayoutName::leaf_table || detail::may_be_laid_out_as(detail::LayoutName::leaf_table, document))
    return detail::leaf_table_refusal(document, era);
  if (document.cache.model_state && !loader.model_state) return "it does not know model state and refuses the class names";
  if (too_large(document, loader.dialect)) return "it refuses files of more than 8 GiB";
  const LayerLoader layers(document, target);
  for (std::size_t i = 0; i < document.sources.size(); ++i)
    if (const auto reason = layers.refusal(i))
      return fmt::format("{}: {}", printable(layer_name(document.cache, i), 120), *reason);
  if (std::string wrong = detail::judge_form(document, era).wrong; !wrong.empty()) return wrong;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> refusal(const Document& document, const Target& target, const Findings& findings) {
  if (auto reason = misread(document, target, findings)) return reason;
  return detail::cannot_open(document, dialect(target.era()).family);
}

LoadVerdict would_load(const Document& document, const Target& target, const Findings& findings) {
  if (auto reason = misread(document, target, findings))
    return {.ok = false, .reason = std::move(*reason), .fix = how_to_fix(document, target, findings)};
  if (auto reason = detail::cannot_open(document, dialect(target.era()).family))
    return {.ok = false, .reason = std::move(*reason), .fix = detail::how_to_open(document)};
  return {.ok = true, .reason = {}, .fix = {}};
}

std::map<Era, LoadVerdict> loads_in(const Document& document, const Findings& findings) {
  std::map<Era, LoadVerdict> out;
  for (const Dialect& d : dialects())
    if (d.writable) out.emplace(d.era, would_load(document, d.era, findings));
  return out;
}

}  // namespace kvcache

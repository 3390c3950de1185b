// Between mlx-lm 0.32 and everybody else nobody reads anybody's files, and not all of them say so (docs/formats.md, "A table of
// leaves").
#include <fmt/format.h>

#include "cache/class_names.h"
#include "format/dialects/era.h"
#include "format/file_layout.h"
#include "verify/rules.h"

namespace kvcache::detail {
namespace {

constexpr std::string_view nothing =
    "without user metadata in the file, it returns an empty list of caches without an error, and generation starts from "
    "nothing";

/// What mlx-lm 0.32 cannot go on with although it saved it.
std::optional<std::string> unusable(const Cache& cache) {
  using Why = std::optional<std::string>;
  const auto where = [](bool holds, std::string_view why) { return holds ? Why(why) : Why(); };
  return visit(cache, PerClass{[&](const KVCache& plain) {
                                 return where(is_concatenate(plain) && plain.empty(),
                                              "it saves a ConcatenateKVCache that was never used, and cannot load it");
                               },
                               [&](const BatchRotatingKVCache&) {
                                 return where(
                                     true, "it forgets a field of batched windows, so the first update after loading raises");
                               },
                               [&](const ChunkedKVCache& chunked) {
                                 return where(chunked.state().has_no_chunk_size(),
                                              "with the chunk size None, the first step after loading raises");
                               },
                               [](const CacheList& list) {
                                 for (std::size_t i = 0; i < list.children().size(); ++i)
                                   if (const auto why = unusable(*list.children()[i]))
                                     return Why(fmt::format("child {} ({}): {}", i, list.children()[i]->class_name(), *why));
                                 return Why();
                               },
                               [](const OneOf<RotatingKVCache, QuantizedKVCache, ArraysCache, BatchKVCache, TurboQuantKVCache,
                                              VarianceNormalizedKVCache, OpaqueCache> auto&) { return Why(); }});
}

std::optional<std::string> own_file(const Document& document) {
  for (std::size_t i = 0; i < document.cache.layers.size(); ++i) {
    const auto why = document.sources[i].early_form
                         ? "version 0.1 of kvcache wrote it, and it loads nowhere; writing it again mends it"
                         : unusable(*document.cache.layers[i]);
    if (why) return fmt::format("{}: {}", printable(layer_name(document.cache, i), 120), *why);
  }
  return std::nullopt;
}

std::string elsewhere(const Document& document, const Dialect& loader) {
  const std::string laid_out = fmt::format("the file is laid out as {} writes it: ", dialect(Era::P5).id);
  switch (loader.family) {
    case Family::mlx_swift_lm:
      return laid_out + "it counts the table of leaves as classes, and refuses the mismatch";
    case Family::mlxrs:
      return laid_out + "it finds no classes where it looks for them";
    case Family::mlx_lm:
      break;
  }
  if (loader.era != Era::P1 && loads_as_nothing(document)) return laid_out + std::string(nothing);
  return laid_out + "it fails on a class without a name (KeyError)";
}

std::string from_before(const Document& document) {
  const std::string only = fmt::format("it reads nothing but {}", dialect(Era::P5).id);
  if (document.cache.layers.size() != 1) return only + ", and fails on the list of classes (ValueError)";
  if (loads_as_nothing(document)) return only + ": of one layer, " + std::string(nothing);
  return only + ", and fails on the user metadata, which it takes for classes (KeyError)";
}

}  // namespace

bool loads_as_nothing(const Document& document) {
  if (!document.cache.metadata.empty() || document.cache.layers.empty()) return false;
  if (may_be_laid_out_as(LayoutName::leaf_table, document)) return true;
  const bool has_sections = may_be_laid_out_as(LayoutName::sections, document) || document.candidates.none();
  return document.cache.layers.size() == 1 && has_sections && !document.cache.model_state;
}

std::optional<std::string> leaf_table_refusal(const Document& document, Era era) {
  if (traits(era).layout != LayoutName::leaf_table) return elsewhere(document, dialect(era));
  return may_be_laid_out_as(LayoutName::leaf_table, document) ? own_file(document) : from_before(document);
}

}  // namespace kvcache::detail

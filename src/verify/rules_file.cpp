// What loaders make of the file as a whole (docs/formats.md, "Bugs of the runtimes" and "User metadata").
#include <fmt/format.h>

#include <algorithm>

#include "common/count_of.h"
#include "format/dialects/era.h"
#include "format/file_layout.h"
#include "format/user_metadata.h"
#include "verify/rules.h"

namespace kvcache::detail {
namespace {

// Would mlx-lm restore this layer if it got as far? Early Swift wrote no metadata for classes without any, which mlx-lm fills
// in.
bool passes_for_python(const Document& document, std::size_t layer) {
  const LayerSource& source = document.sources[layer];
  if (!(source.eras & eras_of(Family::mlx_lm)).none()) return true;
  return source.eras.has(Era::S1) && !has_section_0(document.file.header(), layer) &&
         source.class_text == document.cache.layers[layer]->class_name() && source.class_text != "CacheList";
}

// Python's zip() ends at the shortest of classes, arrays and metadata, and gaps before the end are filled with {}.
void python_drops_layers(const Document& document, Findings& findings) {
  const bool own_layout = !may_be_laid_out_as(LayoutName::sections, document) && !document.candidates.none();
  const std::size_t layers = std::min(document.sources.size(), document.cache.layers.size());
  const std::size_t with_meta = layers_with_meta(document);
  std::size_t with_arrays = 0;
  for (std::size_t i = 0; i < layers; ++i)
    if (!document.sources[i].arrays.empty()) with_arrays = i + 1;
  const std::size_t kept = std::min(with_meta, with_arrays);
  if (own_layout || kept == layers) return;
  const auto broken = places_with_errors(document.findings);
  for (std::size_t i = 0; i < layers; ++i) {
    if (broken.contains(Where::of_layer(i))) return;          // said already, with what follows
    if (i < kept && !passes_for_python(document, i)) return;  // mlx-lm refuses the file
  }
  // Layers without arrays whose metadata mlx-lm could not read either belong to another runtime's file.
  if (kept == with_arrays && (document.sources[kept].eras & eras_of(Family::mlx_lm)).none() &&
      (document.sources[kept].eras & eras_of(Family::mlxrs)).none())
    return;
  const std::string_view what = with_meta < with_arrays ? "metadata (section 0)" : "arrays";
  findings.push_back(make_finding(
      "KV706", Where::of_layer(kept), {},
      kept == 0
          ? fmt::format("no layer has {}: mlx-lm silently restores zero caches", what)
          : fmt::format("layers from {} on have no {}: mlx-lm silently restores {} of {} caches", kept, what, kept, layers)));
}

// What mlx-lm makes of a user key, by its first component.
std::string consequence(std::string_view key) {
  if (key.empty()) return "mlx-lm returns the bare value instead of a dict";
  const std::string_view head = key.substr(0, key.find('.'));
  if (!head.empty() && head.size() <= 20 && std::ranges::all_of(head, [](char c) { return c >= '0' && c <= '9'; }))
    return fmt::format("mlx-lm takes it for entry {} of a list, and fills up those before it", head);
  if (key.find('.') != std::string_view::npos) return "mlx-lm splits it at the dots and returns nested dicts";
  return "mlx-lm and Swift may return another structure";
}

void user_metadata_changes(const Document& document, Findings& findings) {
  if (may_be_laid_out_as(LayoutName::named_tensors, document)) return;  // plain keys there: nothing is taken apart
  constexpr std::size_t most = 10;
  std::size_t count = 0;
  for (const auto& [key, value] : document.cache.metadata) {
    if (key.starts_with(state_key_prefix) || is_safe_user_key(key)) continue;
    if (++count > most) continue;
    findings.push_back(make_finding("KV707", Where::Part::metadata, key,
                                    fmt::format("user key \"{}\": {}", printable(key), consequence(key)),
                                    "use letters, digits, _ and - only, and begin with a letter or _"));
  }
  if (count > most)
    findings.push_back(
        make_finding("KV707", Where::Part::metadata, {}, fmt::format("{} more user keys of that kind", count - most)));
}

void zero_element_arrays(const Document& document, Findings& findings) {
  const auto& tensors = document.file.header().tensors;
  const auto is_empty = [](const TensorEntry& entry) { return entry.nbytes() == 0; };
  const auto first = std::ranges::find_if(tensors, is_empty);
  if (first == tensors.end()) return;
  const auto count = std::ranges::count_if(tensors, is_empty);
  findings.push_back(make_finding("KV708", {}, first->key,
                                  fmt::format("{} without elements ({} {} first): MLX before 0.32.1 cannot save {} again",
                                              count_of(static_cast<std::uint64_t>(count), "array"), printable(first->key),
                                              to_string(first->shape), count == 1 ? "it" : "them")));
}

void carries_model_state(const Document& document, Findings& findings) {
  if (!document.cache.model_state) return;
  findings.push_back(make_finding("KV710", {}, {},
                                  fmt::format("{} of model state beside the layers: only current mlx-swift-lm loads the file",
                                              count_of(document.cache.model_state->entries.size(), "array"))));
}

// Whoever is asked for with --for says it as an error instead (verify.cpp).
void name_or_compression(const Document& document, Findings& findings) {
  if (const auto reason = cannot_open(document, Family::mlx_lm))
    findings.push_back(make_finding("KV716", {}, {},
                                    document.file.gzip() ? "compressed: no runtime loads it as it is"
                                                         : "mlx-lm and Swift load files by a name that ends in .safetensors",
                                    how_to_open(document)));
}

// Nothing is lost, but whoever goes on from an empty list believes that the prompt was processed.
void loads_as_an_empty_list(const Document& document, Findings& findings) {
  if (!loads_as_nothing(document)) return;
  const bool leaf_table = may_be_laid_out_as(LayoutName::leaf_table, document);
  const std::string_view other = dialect(leaf_table ? Era::P3 : Era::P5).id;
  findings.push_back(make_finding(
      "KV715", {}, {},
      leaf_table ? "no user metadata: mlx-lm 0.28.1 to 0.31.3 take the file for an empty list of caches, without an error"
                 : "one layer and no user metadata: mlx-lm 0.32 takes the file for an empty list of caches, without an error",
      Remedy(Remedy::Action::convert, {{"to", std::string(other)}}) +
          " makes a file for that release; with user metadata, as by " +
          Remedy(Remedy::Action::set_metadata, {{"model", "REPO"}}) + ", it fails there instead"));
}

}  // namespace

void check_file_portability(const Document& document, Findings& findings) {
  python_drops_layers(document, findings);
  user_metadata_changes(document, findings);
  zero_element_arrays(document, findings);
  carries_model_state(document, findings);
  name_or_compression(document, findings);
  loads_as_an_empty_list(document, findings);
}

}  // namespace kvcache::detail

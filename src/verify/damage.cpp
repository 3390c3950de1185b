// What proves that a file is damaged: for who deletes files.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "kvcache/verify.h"
#include "verify/rules.h"

namespace kvcache {
namespace {

/// Findings about classes, arrays and values whose number, kind or meaning another version of the class could have changed.
bool is_about_layout(std::string_view code) {
  constexpr std::string_view codes[] = {"KV303", "KV304", "KV305", "KV306", "KV307", "KV308", "KV313", "KV421", "KV471"};
  return std::ranges::find(codes, code) != std::end(codes);
}

/// The layer that a finding is about, its children included.
std::optional<std::size_t> layer_of(const Document& document, const Finding& finding) {
  const std::optional<std::size_t> layer = finding.where.layer();
  return layer && *layer < document.sources.size() ? layer : std::nullopt;
}

/// Another layer of the same class is as this tool knows the class, so that this one cannot be of another version.
bool class_is_known_elsewhere(const Document& document, const Findings& findings, std::size_t layer) {
  const auto broken = detail::places_with_errors(findings);
  for (std::size_t i = 0; i < document.sources.size(); ++i) {
    const LayerSource& other = document.sources[i];
    if (i != layer && other.decoded && other.class_text == document.sources[layer].class_text &&
        !broken.contains(Where::of_layer(i)))
      return true;
  }
  return false;
}

}  // namespace

bool proves_damage(std::string_view code) {
  constexpr std::string_view proves_nothing[] = {
      "KV112",           // a dtype of a later version
      "KV122", "KV123",  // something else, or a later layout
      "KV201", "KV202",  // keys of a later layout
      "KV301",           // a class of another runtime
      "KV312",           // how older formats store lists
      "KV432",           // as mlx-lm itself writes it; nothing is lost
      "KV503",           // each layer is sound
      "KV720",           // about a runtime
  };
  return std::ranges::find(proves_nothing, code) == std::end(proves_nothing);
}

const Finding* proof_of_damage(const Document& document, const Findings& findings) {
  if (only_unknown_layouts(findings)) return nullptr;
  // Of a file with a class that is not known here, nothing is certain but what its stamp says.
  const bool unknown_class = std::ranges::any_of(findings, [](const Finding& f) { return f.code == "KV301"; });
  for (const Finding& finding : findings) {
    if (unknown_class && !finding.code.starts_with("KV80")) continue;
    if (finding.severity != Severity::error || !proves_damage(finding.code)) continue;
    if (!is_about_layout(finding.code)) return &finding;
    const auto layer = layer_of(document, finding);
    if (layer && class_is_known_elsewhere(document, findings, *layer)) return &finding;
  }
  return nullptr;
}

}  // namespace kvcache

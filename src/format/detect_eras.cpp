// Which eras could have written a file: what its layers have in common.
#include <fmt/format.h>

#include <algorithm>

#include "common/codes.h"
#include "format/dialects/era.h"
#include "format/document.h"

namespace kvcache::detail {
namespace {

/// "layer 3 (KVCache: empty text as metadata) is of mlx-lm@0.31".
std::string say_format(const Document& document, std::size_t layer) {
  const LayerSource& s = document.sources[layer];
  const Dialect* newest = preferred(s.eras);
  std::string evidence;
  // What rules all formats out is in several pieces; for one format the first says enough.
  for (const std::string& piece : s.evidence) {
    if (newest == nullptr || evidence.empty()) evidence += fmt::format("{}{}", evidence.empty() ? ": " : ", ", piece);
  }
  return fmt::format("layer {} ({}{}) is of {}", layer, printable(s.class_text), evidence,
                     newest == nullptr ? "no known format" : newest->id);
}

bool holds_turbo(const std::unique_ptr<Cache>& cache) {
  return any_leaf(*cache, [](const Cache& leaf) { return is<TurboQuantKVCache>(leaf); });
}

}  // namespace

void detect_eras(Document& document, const std::vector<bool>& unused) {
  EraSet all = EraSet::all();
  EraSet used = EraSet::all();
  for (std::size_t i = 0; i < document.sources.size(); ++i) {
    const LayerSource& source = document.sources[i];
    all &= source.eras;
    if (!unused[i]) used &= source.eras;
  }
  // No release of mlx-swift-lm@3.31 wrote TurboQuantKVCache, only main did: the era after it, unless other layers rule that
  // out.
  const EraSet released = all & eras_where([](const EraTraits& t) { return t.turbo_class; });
  if (!released.none() && std::any_of(document.cache.layers.begin(), document.cache.layers.end(), holds_turbo)) all = released;
  document.candidates = all;
  document.format = preferred(all);

  for (std::size_t i = 0; i < document.sources.size(); ++i) {
    if (!unused[i]) continue;
    const Where where = Where::of_layer(i);
    const std::string& name = document.sources[i].class_text;
    if (all.none() && !used.none()) {
      document.findings.push_back(make_finding(
          "KV302", where, fmt::format("2.{}", i),
          fmt::format("{} has no arrays, and the other layers are of {}, which never saves such a layer: mlx-lm drops it "
                      "silently or fails",
                      printable(name), preferred(used)->id),
          "the file has lost tensors: make it anew"));
    } else if (!all.none()) {
      document.findings.push_back(make_finding(
          "KV711", where, fmt::format("2.{}", i),
          fmt::format("{} was never used: class and metadata without arrays, as current mlx-swift-lm and mlxrs save it",
                      printable(name))));
    }
  }
  if (!all.none() || !used.none()) return;

  // Name two layers that no era writes together: the first one that empties the intersection, and one it disagrees with.
  EraSet so_far = EraSet::all();
  for (std::size_t i = 0; i < document.sources.size(); ++i) {
    if (unused[i]) continue;
    const EraSet before = so_far;
    so_far &= document.sources[i].eras;
    if (!so_far.none()) continue;
    std::size_t other = i;
    for (std::size_t j = 0; j < i; ++j)
      if (!unused[j] && (document.sources[j].eras & document.sources[i].eras).none()) other = j;
    std::string message = say_format(document, i);
    if (document.sources[i].eras.none()) {
      message += ": no program writes such a layer";
    } else {
      message += other == i ? fmt::format(", but the layers before it are of {}", preferred(before)->id)
                            : fmt::format(", but {}", say_format(document, other));
      message += ": no program writes these together";
    }
    document.findings.push_back(make_finding("KV503", Where::of_layer(i), fmt::format("2.{}", i), std::move(message),
                                             "the file was put together from parts of others: make it anew"));
    return;
  }
}

void narrow_by_model_state(Document& document) {
  if (!document.cache.model_state || document.candidates.none()) return;
  const EraSet writers = eras_where([](const EraTraits& t) { return t.model_state; });
  document.candidates &= writers;
  document.format = preferred(document.candidates);
  for (std::size_t i = 0; i < document.sources.size() && document.candidates.none(); ++i) {
    if (!(document.sources[i].eras & writers).none()) continue;
    document.findings.push_back(
        make_finding("KV503", Where::of_layer(i), fmt::format("2.{}", i),
                     fmt::format("{}, but the file has model state, which only {} writes: no program writes these together",
                                 say_format(document, i), preferred(writers)->id),
                     "the file was put together from parts of others: make it anew"));
    return;
  }
}

}  // namespace kvcache::detail

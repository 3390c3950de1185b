// decode(): a container becomes a document.
#include "format/document.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/codes.h"
#include "common/count_of.h"
#include "format/dialects/era.h"
#include "format/leaf_table/leaf_table.h"
#include "format/recognise.h"
#include "kvcache/error.h"

namespace kvcache {
namespace detail {
namespace {

bool has_class_section(const Header& header) {
  const auto first = header.metadata.lower_bound("2.");
  return first != header.metadata.end() && first->first.starts_with("2.");
}

/// Class names under "1.i" or pairs under "2.n.1", but not the layout this tool knows.
bool looks_newer(const Header& header) {
  bool plain_class = false;
  bool pair = false;
  for (auto it = header.metadata.lower_bound("2."); it != header.metadata.end() && it->first.starts_with("2."); ++it) {
    const std::string_view path = std::string_view(it->first).substr(2);
    plain_class = plain_class || parse_index(path);
    const std::size_t dot = path.find('.');
    pair = pair || (dot != std::string_view::npos && parse_index(path.substr(0, dot)) && parse_index(path.substr(dot + 1)));
  }
  return pair && !plain_class;
}

bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;  // C1 in UTF-8
  }
  return false;
}

/// "layer 3 (KVCache: metadata is an empty text) is of mlx-lm@0.31".
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

void collect_offsets(const Cache& cache, std::optional<std::int64_t>& offset) {
  if (offset) return;
  visit(cache, PerClass{[&](const CacheList& list) {
                          for (const auto& child : list.children()) collect_offsets(*child, offset);
                        },
                        [&](const QuantizedKVCache& quantized) {
                          // An offset that leaves rows behind it (KV426) may be a lost one: by it, chunks would be cut.
                          if (!quantized.empty() && !quantized.why_not_cut()) offset = quantized.size();
                        },
                        [&](const KVCache& plain) {
                          if (!plain.empty()) offset = plain.size();
                        },
                        // A window can have forgotten what it has seen, and the others have no such number.
                        [](const OneOf<RotatingKVCache, ChunkedKVCache, ArraysCache, BatchKVCache, BatchRotatingKVCache,
                                       TurboQuantKVCache, VarianceNormalizedKVCache, OpaqueCache> auto&) {}});
}

void set_true_offset(Cache& cache, std::int64_t offset) {
  if (auto* chunked = as<ChunkedKVCache>(cache)) {
    // With start_position 0 all rows count, as every loader takes them, so that more of them are tokens of their own; fewer are
    // lost ones.
    if (chunked->empty() || chunked->state().offset_stored) return;
    const Tensor& keys = chunked->state().keys;
    if (chunked->state().start_position == 0 && keys.rank() == 4 && keys.dim(2) > offset) return;
    chunked->mutable_state().true_offset = offset;
  } else if (auto* list = as<CacheList>(cache)) {
    for (const auto& child : list->children()) set_true_offset(*child, offset);
  }
}

}  // namespace

void add_layer(Document& document, std::string class_text, LayerOutput output) {
  document.cache.layers.push_back(std::move(output.cache));
  document.sources.push_back({.class_text = std::move(class_text),
                              .arrays = std::move(output.arrays),
                              .eras = output.eras,
                              .evidence = std::move(output.evidence),
                              .decoded = output.decoded,
                              .unused = std::move(output.unused_rows),
                              .early_form = output.early_form});
}

void share_true_offset(PromptCache& cache) {
  std::optional<std::int64_t> offset;
  for (const auto& layer : cache.layers) collect_offsets(*layer, offset);
  if (!offset) return;
  for (const auto& layer : cache.layers) set_true_offset(*layer, *offset);
}

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

void check_control_characters(const Document& document, Findings& findings) {
  for (const auto& [key, value] : document.cache.metadata)
    if (has_control_character(key) || has_control_character(value))
      findings.push_back(
          make_finding("KV206", Where::Part::metadata, key,
                       fmt::format("user metadata '{}' holds control characters, which can steer a terminal that "
                                   "prints them",
                                   printable(key))));
}

void check_layer_count(std::size_t layers) {
  if (layers > max_layers)
    throw Error(ErrorKind::unreadable, fmt::format("the header has {} layers, more than {}", layers, max_layers),
                "no model has that many", "KV103");
}

/// Sound, but no prompt cache: what is it?
[[noreturn]] void refuse_other(const Header& header) {
  std::string first = header.tensors.empty() ? "" : fmt::format(" such as '{}'", printable(header.tensors.front().key));
  const std::string what = fmt::format("{}{}", count_of(header.tensors.size(), "tensor"), first);
  if (claims_to_be_cache(header))
    throw Error(ErrorKind::unreadable, fmt::format("not a prompt cache: {}, but no list of classes", what),
                "a prompt cache names its classes in metadata, under '2.': a program that saved this file anew has lost them",
                "KV122");
  throw Error(ErrorKind::unreadable,
              fmt::format("not a prompt cache, but {}: {}, and no list of classes", contents_in_words(header), what),
              "a prompt cache names its classes in metadata, under '2.'; name the cache itself", "KV122");
}

void decode_classes(Document& document) {
  const Header& header = document.file.header();
  Layout layout = parse_layout(header, document.findings);
  check_layer_count(layout.classes.size());
  const bool gap = !layout.classes.empty() && layout.classes.rbegin()->first + 1 != layout.classes.size();
  if (gap)
    document.findings.push_back(make_finding("KV203", {}, fmt::format("2.{}", layout.classes.rbegin()->first),
                                             fmt::format("{} classes, but the last one is that of layer {}",
                                                         layout.classes.size(), layout.classes.rbegin()->first)));
  document.cache.metadata = layout.user;
  decode_model_state(document, layout);

  Decoder decoder(document.file, document.findings, find_stand_ins(header, document.findings));
  if (header.metadata.contains(std::string(stand_ins_key))) {
    // They are undone: written again, the words about them would be about arrays that are what they are.
    document.cache.metadata.erase(std::string(stand_ins_key.substr(2)));
    document.cache.metadata.erase(std::string(vendored_classes_key.substr(2)));
  }
  std::vector<bool> unused;
  for (const auto& [index, class_text] : layout.classes) {
    LayerInput in;
    in.where = Where::of_layer(index);
    in.key = fmt::format("0.{}", index);
    in.class_text = class_text;
    if (const auto it = layout.arrays.find(index); it != layout.arrays.end()) in.arrays = &it->second;
    if (const auto it = layout.meta.find(index); it != layout.meta.end()) in.meta = &it->second;
    LayerOutput out = decoder.decode(in);
    unused.push_back(out.unused);
    add_layer(document, class_text, std::move(out));
  }
  if (gap) return;  // nothing that counts layers means anything now: "layer 1" is not the one at 2.1
  const auto orphans = [&](const auto& section, std::string_view what, std::string_view prefix) {
    for (const auto& [index, tree] : section)
      if (!layout.classes.contains(index))
        document.findings.push_back(make_finding("KV204", Where::of_layer(index), fmt::format("{}{}", prefix, index),
                                                 fmt::format("{} of layer {}, which has no class", what, index)));
  };
  orphans(layout.arrays, "arrays", "");
  orphans(layout.meta, "metadata", "0.");

  detect_eras(document, unused);
  narrow_by_model_state(document);
}

}  // namespace detail

Document decode(SafetensorsFile file) {
  Document document{.file = std::move(file), .cache = {}, .sources = {}, .candidates = {}, .format = nullptr, .findings = {}};
  const Header& header = document.file.header();
  document.findings = header.defects;
  if (detail::is_leaf_table(header)) {
    detail::decode_leaf_table(document);
  } else if (detail::has_class_section(header)) {
    if (detail::looks_newer(header))
      throw Error(ErrorKind::unreadable, "a prompt cache of a layout newer than this tool knows", "a newer kvcache may read it",
                  "KV123");
    detail::decode_classes(document);
  } else if (detail::is_legacy(header)) {
    detail::decode_legacy(document);
  } else {
    detail::refuse_other(header);
  }
  detail::share_true_offset(document.cache);
  detail::check_control_characters(document, document.findings);
  return document;
}

Document read_document(const std::string& path) {
  return decode(SafetensorsFile::open(path));
}

}  // namespace kvcache

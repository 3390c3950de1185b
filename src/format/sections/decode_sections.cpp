// Everything but mlx-lm 0.18 and 0.32: arrays by layer, metadata in section 0, the user's in 1, classes in 2.
#include <fmt/format.h>

#include "common/codes.h"
#include "format/document.h"
#include "format/file_layout.h"
#include "format/sections/stand_ins.h"
#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

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

}  // namespace

bool has_class_section(const Header& header) {
  const auto first = header.metadata.lower_bound("2.");
  return first != header.metadata.end() && first->first.starts_with("2.");
}

void decode_sections(Document& document) {
  const Header& header = document.file.header();
  if (looks_newer(header))
    throw Error(ErrorKind::unreadable, "a prompt cache of a layout newer than this tool knows", "a newer kvcache may read it",
                "KV123");
  Layout layout = parse_layout(header, document.findings);
  check_layer_count(layout.classes.size());
  const bool gap = !layout.classes.empty() && layout.classes.back().layer + 1 != layout.classes.size();
  if (gap)
    document.findings.push_back(make_finding(
        "KV203", {}, fmt::format("2.{}", layout.classes.back().layer),
        fmt::format("{} classes, but the last one is that of layer {}", layout.classes.size(), layout.classes.back().layer)));
  document.cache.metadata = layout.user;
  decode_model_state(document, layout);

  Decoder decoder(document.file, document.findings, find_stand_ins(header, document.findings));
  if (header.metadata.contains(std::string(stand_ins_key))) {
    // They are undone: written again, the words about them would be about arrays that are what they are.
    document.cache.metadata.erase(std::string(stand_ins_key.substr(2)));
    document.cache.metadata.erase(std::string(vendored_classes_key.substr(2)));
  }
  std::vector<bool> unused;
  document.cache.layers.reserve(layout.classes.size());
  document.sources.reserve(layout.classes.size());
  ArrayTree arrays;
  MetaTree meta;
  for (const auto& [index, class_text] : layout.classes) {
    LayerInput in;
    in.where = Where::of_layer(index);
    in.key = "0." + std::to_string(index);
    in.class_text = class_text;
    in.arrays = layout.arrays_of(index, header, arrays) ? &arrays : nullptr;
    in.meta = layout.meta_of(index, meta) ? &meta : nullptr;
    LayerOutput out = decoder.decode(in);
    unused.push_back(out.unused);
    add_layer(document, class_text, std::move(out));
  }
  if (gap) return;  // nothing that counts layers means anything now: "layer 1" is not the one at 2.1
  // Without a gap, the classes are those of layers 0 to n - 1.
  const auto orphans = [&](const auto& section, std::string_view what, std::string_view prefix) {
    for (const auto& keys : section)
      if (keys.layer >= layout.classes.size())
        document.findings.push_back(make_finding("KV204", Where::of_layer(keys.layer), fmt::format("{}{}", prefix, keys.layer),
                                                 fmt::format("{} of layer {}, which has no class", what, keys.layer)));
  };
  orphans(layout.arrays, "arrays", "");
  orphans(layout.meta, "metadata", "0.");

  detect_eras(document, unused);
  narrow_by_model_state(document);
}

}  // namespace kvcache::detail

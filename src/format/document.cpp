// decode(): a container becomes a document.
#include "format/document.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/codes.h"
#include "common/count_of.h"
#include "format/file_layout.h"
#include "format/recognise.h"
#include "kvcache/error.h"

namespace kvcache {
namespace detail {
namespace {

bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;  // C1 in UTF-8
  }
  return false;
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

}  // namespace detail

Document decode(SafetensorsFile file) {
  Document document{.file = std::move(file), .cache = {}, .sources = {}, .candidates = {}, .format = nullptr, .findings = {}};
  const Header& header = document.file.header();
  document.findings = header.defects;
  const auto layouts = detail::file_layouts();
  const auto layout = std::ranges::find_if(layouts, [&](const detail::FileLayout& l) { return l.recognises(header); });
  if (layout == layouts.end()) detail::refuse_other(header);
  layout->decode(document);
  detail::share_true_offset(document.cache);
  detail::check_control_characters(document, document.findings);
  return document;
}

Document read_document(const std::string& path) {
  return decode(SafetensorsFile::open(path));
}

}  // namespace kvcache

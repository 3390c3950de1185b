#include "format/recognise.h"

#include <algorithm>

#include "format/document.h"
#include "format/file_layout.h"
#include "format/sections/decoder.h"
#include "format/user_metadata.h"
#include "kvcache/error.h"
#include "safetensors/damaged_header.h"
#include "safetensors/file_kind.h"

namespace kvcache::detail {
namespace {

/// Classes are the values of "2.i", "2.i.j", ..., and of "1.i" in files of mlx-lm 0.32.
bool may_hold_class(std::string_view key) {
  if (!key.starts_with("1.") && !key.starts_with("2.")) return false;
  for (key.remove_prefix(2);;) {
    const std::size_t dot = key.find('.');
    if (!parse_index(key.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    key.remove_prefix(dot + 1);
  }
}

bool is_class(std::string_view text) {
  if (text.starts_with(state_class_prefix)) text.remove_prefix(state_class_prefix.size());
  return Decoder::knows_class(text);
}

/// "0.1", "3.0.1": an array of a layer.
bool is_layer_path(const TensorEntry& entry) {
  std::string_view key = entry.key;
  if (key.find('.') == std::string_view::npos) return false;
  while (true) {
    const std::size_t dot = key.find('.');
    if (!parse_index(key.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    key.remove_prefix(dot + 1);
  }
}

bool can_be_ids(Dtype dtype) {
  constexpr Dtype integers[] = {Dtype::I16, Dtype::U16, Dtype::I32, Dtype::U32, Dtype::I64, Dtype::U64};
  return std::ranges::find(integers, dtype) != std::ranges::end(integers);
}

bool has_part(const Header& header, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(header.tensors, [&](const TensorEntry& entry) {
    return std::ranges::any_of(parts, [&](std::string_view part) { return entry.key.find(part) != std::string::npos; });
  });
}

/// Token ids are few arrays of integers; prompts are seldom stored as more than ids, a mask and positions.
bool is_token_ids(const Header& header) {
  return !header.tensors.empty() && header.tensors.size() <= 4 &&
         std::ranges::all_of(header.tensors, [](const TensorEntry& e) { return can_be_ids(e.dtype) && e.shape.size() <= 2; });
}

}  // namespace

bool is_surely_prompt_cache(const Header& header) {
  if (std::ranges::any_of(header.metadata,
                          [](const auto& entry) { return may_hold_class(entry.first) && is_class(entry.second); }))
    return true;
  return !header.tensors.empty() && std::ranges::all_of(header.tensors, is_layer_name, &TensorEntry::key);
}

bool is_omlx_block(const Header& header) {
  return header.metadata.contains("omlx_cache_format_version");
}

bool claims_to_be_cache(const Header& header) {
  const auto of_layers = [](const auto& entry) { return entry.first.starts_with("2."); };
  const auto is_laid_out = [&](const FileLayout& layout) { return layout.recognises(header); };
  if (std::ranges::any_of(header.metadata, of_layers) || std::ranges::any_of(file_layouts(), is_laid_out)) return true;
  // Without any metadata it may be a cache that a program has saved anew without them. A file of nothing is no model either.
  return header.tensors.empty() || std::ranges::all_of(header.tensors, is_layer_path);
}

std::string_view contents_in_words(const Header& header) {
  if (is_omlx_block(header)) return "a block of omlx's paged cache";
  if (header.tensors.empty()) return "a file without arrays";
  if (is_token_ids(header)) return "token ids";
  if (has_part(header, {"lora_a", "lora_b", "lora_A", "lora_B", "dora_"})) return "weights of an adapter (LoRA)";
  if (has_part(header, {".weight", ".bias", ".scales", "layers.", "embed", "proj", "blocks.", "norm"}) ||
      header.metadata.contains("format"))
    return "model weights";
  return "arrays of another kind";
}

std::string something_else(const std::string& path, std::string_view code, bool named_as_cache) {
  if (code == "KV100") return {};
  std::shared_ptr<const ByteSource> source;
  try {
    source = file_source(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    return named_as_cache ? "" : "something else";
  }
  return something_else(*source, code, named_as_cache);
}

std::string something_else(const ByteSource& source, std::string_view code, bool named_as_cache) {
  std::string unknown = named_as_cache ? "" : "something else";
  if (const FileKind* kind = file_kind_of(source)) return kind->placeholder && named_as_cache ? "" : std::string(kind->name);
  const std::optional<Header> header = read_damaged_header(source);
  if (!header) return unknown;
  if (claims_to_be_cache(*header)) return {};
  // A block is no cache, but one that is cut off is damage.
  if (is_omlx_block(*header) && code != "KV122") return {};
  return std::string(contents_in_words(*header));
}

}  // namespace kvcache::detail

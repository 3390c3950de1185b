#include "format/sections/decoder.h"

#include <algorithm>

#include "cache/class_names.h"
#include "format/neighbours.h"
#include "format/sections/decoder_layer.h"

namespace kvcache::detail {
namespace {

/// Every tensor of a tree, for layers that are shown but not understood.
void collect(const ArrayTree& tree, std::vector<std::size_t>& out) {
  if (tree.value) out.push_back(*tree.value);
  for (const auto& [index, child] : tree.children) collect(child, out);
}

/// Every metadata value of a tree, by its path.
void collect(const MetaTree& tree, const std::string& path, std::vector<std::pair<std::string, std::string>>& out) {
  if (tree.value) out.emplace_back(path, *tree.value);
  for (const auto& [index, child] : tree.children)
    collect(child, path.empty() ? std::to_string(index) : fmt::format("{}.{}", path, index), out);
}

}  // namespace

void Decoder::decode_class(CacheKind kind, Layer& l) {
  switch (kind) {
    case CacheKind::kv:
      return decode_kv(l);
    case CacheKind::rotating:
      return decode_rotating(l);
    case CacheKind::quantized:
      return decode_quantized(l);
    case CacheKind::chunked:
      return decode_chunked(l);
    case CacheKind::arrays:
      return decode_arrays(l);
    case CacheKind::list:
      return decode_list(l);
    case CacheKind::batch:
      return decode_batch(l);
    case CacheKind::batch_rotating:
      return decode_batch_rotating(l);
    case CacheKind::turbo_quant:
      return decode_turbo(l);
    case CacheKind::variance_normalized:
      return decode_variance_normalized(l);
    case CacheKind::opaque:
      break;  // has no name that a file could say
  }
}

bool Decoder::knows_class(std::string_view name) noexcept {
  return kind_of_class(name).has_value();
}

std::unique_ptr<Cache> Decoder::undecoded(const LayerInput& in, const std::vector<std::size_t>& arrays,
                                          std::size_t first_finding) const {
  OpaqueCache::State state;
  state.class_name = in.class_text;
  const auto reason = std::find_if(findings_.begin() + static_cast<std::ptrdiff_t>(first_finding), findings_.end(),
                                   [](const Finding& f) { return f.severity == Severity::error; });
  state.why = reason == findings_.end() ? "it could not be decoded" : reason->message;
  for (const std::size_t array : arrays) state.arrays.push_back({entry(array).key, tensor(array)});
  if (in.meta != nullptr) collect(*in.meta, {}, state.meta);
  return std::make_unique<OpaqueCache>(std::move(state));
}

LayerOutput Decoder::decode(const LayerInput& in) {
  Layer l(*this, in);
  const std::size_t before = findings_.size();
  const std::string array_key = in.key.starts_with("0.") ? in.key.substr(2) : in.key;
  // Gaps are reported once, by the layer that is outermost.
  const bool sound =
      in.depth > 0 || ((in.arrays == nullptr || is_sound(*in.arrays, in.where, array_key, "arrays", findings_)) &&
                       (in.meta == nullptr || is_sound(*in.meta, in.where, in.key, "metadata", findings_)));
  const std::string_view name = in.class_text;
  if (!sound) {
    // reported
  } else if (const auto kind = kind_of_class(name)) {
    decode_class(*kind, l);
  } else if (const auto owner = owner_of_class(name)) {
    l.not_ours(
        "KV301",
        fmt::format("class '{}' is of {}; mlx-lm, mlx-swift-lm and mlxrs have none of this name", printable(name), *owner),
        *owner);
  } else {
    l.fail("KV301", fmt::format("unknown class '{}'; no runtime known to this tool has it", printable(name)), {},
           l.what_works());
  }

  if (!l.out.decoded) {
    if (!l.out.lost_children) l.out.eras = eras_laid_out_as(LayoutName::sections);
    std::vector<std::size_t> arrays;
    if (in.arrays != nullptr) collect(*in.arrays, arrays);
    l.out.cache = undecoded(in, arrays, before);
    l.out.arrays = std::move(arrays);
  }
  return std::move(l.out);
}

}  // namespace kvcache::detail

// The counterpart of decode_sections.cpp.
#include <fmt/format.h>

#include "format/file_layout.h"
#include "format/sections/encoder.h"
#include "format/user_metadata.h"

namespace kvcache::detail {

Encoded encode_sections(const EncodeRequest& request) {
  Encoded out;
  Encoder encoder(request.traits, request.target, request.options, request.from, out.warnings);
  const bool with_state = request.cache.model_state && request.traits.model_state && !request.options.drop_model_state;
  for (std::size_t i = 0; i < request.cache.layers.size(); ++i) {
    EncodedLayer layer = encoder.encode(layer_name(request.cache, i), *request.cache.layers[i]);
    for (auto& [path, tensor] : layer.arrays) out.tensors.push_back({fmt::format("{}.{}", i, path), std::move(tensor)});
    for (auto& [path, value] : layer.meta)
      out.metadata.emplace(path.empty() ? fmt::format("0.{}", i) : fmt::format("0.{}.{}", i, path), value);
    out.metadata.emplace(fmt::format("2.{}", i), fmt::format("{}{}", with_state ? state_class_prefix : "", layer.class_text));
  }
  for (const auto& [key, value] : request.cache.metadata) out.metadata.emplace("1." + key, value);
  if (with_state) {
    const auto& entries = request.cache.model_state->entries;
    out.metadata.emplace(fmt::format("1.{}", state_version_key), "1");
    out.metadata.emplace(fmt::format("1.{}", state_count_key), std::to_string(entries.size()));
    for (std::size_t k = 0; k < entries.size(); ++k) {
      out.metadata.emplace(fmt::format("1.{}{}_key", state_key_prefix, k), entries[k].first);
      out.tensors.push_back({fmt::format("{}{}", state_tensor_key_prefix, k), entries[k].second});
    }
  }
  return out;
}

}  // namespace kvcache::detail

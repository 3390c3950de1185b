#include "cache/class_names.h"

#include <algorithm>
#include <array>

namespace kvcache::detail {
namespace {

constexpr std::string_view concatenate = "ConcatenateKVCache";

struct Name {
  std::string_view name;
  CacheKind kind;
};

constexpr auto aliases = std::to_array<Name>({
    {concatenate, CacheKind::kv},        // mlx-lm
    {"KVCacheSimple", CacheKind::kv},    // mlx-swift-lm
    {"StandardKvCache", CacheKind::kv},  // mlxrs
    {"MambaCache", CacheKind::arrays},   // mlx-lm before 0.30.6
});

constexpr auto named_kinds = std::to_array<CacheKind>(
    {CacheKind::kv, CacheKind::rotating, CacheKind::quantized, CacheKind::chunked, CacheKind::arrays, CacheKind::list,
     CacheKind::batch, CacheKind::batch_rotating, CacheKind::turbo_quant, CacheKind::variance_normalized});

}  // namespace

std::string_view class_name_of(CacheKind kind) noexcept {
  switch (kind) {
    case CacheKind::kv:
      return "KVCache";
    case CacheKind::rotating:
      return "RotatingKVCache";
    case CacheKind::quantized:
      return "QuantizedKVCache";
    case CacheKind::chunked:
      return "ChunkedKVCache";
    case CacheKind::arrays:
      return "ArraysCache";
    case CacheKind::list:
      return "CacheList";
    case CacheKind::batch:
      return "BatchKVCache";
    case CacheKind::batch_rotating:
      return "BatchRotatingKVCache";
    case CacheKind::turbo_quant:
      return "TurboQuantKVCache";
    case CacheKind::variance_normalized:
      return "VarianceNormalizedKVCache";
    case CacheKind::opaque:
      break;
  }
  return {};
}

std::optional<CacheKind> kind_of_class(std::string_view name) noexcept {
  const auto kind =
      std::find_if(named_kinds.begin(), named_kinds.end(), [name](CacheKind k) { return class_name_of(k) == name; });
  if (kind != named_kinds.end()) return *kind;
  const auto alias = std::find_if(aliases.begin(), aliases.end(), [name](const Name& a) { return a.name == name; });
  return alias == aliases.end() ? std::nullopt : std::optional(alias->kind);
}

bool is_concatenate(std::string_view name) noexcept {
  return name == concatenate;
}

bool is_concatenate(const Cache& cache) noexcept {
  return cache.kind() == CacheKind::kv && is_concatenate(cache.class_name());
}

}  // namespace kvcache::detail

#include "cache/class_names.h"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

namespace kvcache::detail {
namespace {

constexpr std::string_view concatenate_cache = "ConcatenateKVCache";

struct Name {
  std::string_view name;
  CacheKind kind;
};

constexpr auto aliases = std::to_array<Name>({
    {concatenate_cache, CacheKind::kv},  // mlx-lm
    {"KVCacheSimple", CacheKind::kv},    // mlx-swift-lm
    {"StandardKvCache", CacheKind::kv},  // mlxrs
    {"MambaCache", CacheKind::arrays},   // mlx-lm before 0.30.6
});

constexpr std::string_view name_of(CacheKind kind) noexcept {
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

constexpr std::size_t kinds = [] {
  std::size_t count = 0;
  for (std::size_t i = 0; i <= std::numeric_limits<std::underlying_type_t<CacheKind>>::max(); ++i)
    if (!name_of(static_cast<CacheKind>(i)).empty()) count = i + 1;
  return count;
}();

/// By kind, made of the switch above, so that no class can be left out here. Numbers that are no kind have no name.
constexpr auto names = [] {
  std::array<std::string_view, kinds> all;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = name_of(static_cast<CacheKind>(i));
  return all;
}();

}  // namespace

std::string_view class_name_of(CacheKind kind) noexcept {
  return name_of(kind);
}

std::optional<CacheKind> kind_of_class(std::string_view name) noexcept {
  if (name.empty()) return std::nullopt;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<CacheKind>(found - names.begin());
  const auto alias = std::find_if(aliases.begin(), aliases.end(), [name](const Name& a) { return a.name == name; });
  return alias == aliases.end() ? std::nullopt : std::optional(alias->kind);
}

std::string_view canonical_class(std::string_view name) noexcept {
  const auto kind = kind_of_class(name);
  return kind ? class_name_of(*kind) : name;
}

bool is_concatenate(std::string_view name) noexcept {
  return name == concatenate_cache;
}

bool is_concatenate(const Cache& cache) noexcept {
  return cache.kind() == CacheKind::kv && is_concatenate(cache.class_name());
}

}  // namespace kvcache::detail

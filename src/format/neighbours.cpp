#include "format/neighbours.h"

#include <algorithm>
#include <array>

#include "format/index_paths.h"

namespace kvcache::detail {
namespace {

struct NeighbourClass {
  std::string_view name;
  std::string_view owner;
};

constexpr std::string_view vlm = "mlx-vlm";
constexpr std::string_view rapid = "Rapid-MLX";

constexpr std::array classes = {
    NeighbourClass{"BatchDeepseekV4PoolingCache", rapid},
    NeighbourClass{"BatchPoolingCache", vlm},
    NeighbourClass{"BatchQuantizedKVCache", vlm},
    NeighbourClass{"BatchTurboQuantKVCache", vlm},
    NeighbourClass{"BufferedRotatingKVCache", vlm},
    NeighbourClass{"DeepseekV4PoolingCache", rapid},
    NeighbourClass{"HyV4KVCache", vlm},
    NeighbourClass{"MiniMaxM3BatchKVCache", vlm},
    NeighbourClass{"MiniMaxM3KVCache", vlm},
    NeighbourClass{"PoolingCache", vlm},
    NeighbourClass{"PrefillReadyRotatingKVCache", "omlx"},
    NeighbourClass{"RingSlidingKVCache", vlm},
    NeighbourClass{"SimpleKVCache", vlm},
    NeighbourClass{"SlidingWindowCache", vlm},
    NeighbourClass{"StaticKVCache", vlm},
    NeighbourClass{"StaticPrefixKVCache", vlm},
};

bool is_identifier(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, [&](char c) { return letter(c) || digit(c); });
}

/// "mlx_lm.models.cache:KVCache"
bool is_class_with_module(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !is_identifier(text.substr(colon + 1))) return false;
  for (std::string_view module = text.substr(0, colon);;) {
    const std::size_t dot = module.find('.');
    if (!is_identifier(module.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    module.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<std::string_view> owner_of_class(std::string_view class_text) {
  const auto* const known = std::ranges::find(classes, class_text, &NeighbourClass::name);
  if (known != classes.end()) return known->owner;
  if (is_class_with_module(class_text)) return "a fork that names classes with their modules";
  return std::nullopt;
}

bool is_fork_table_key(std::string_view key) {
  if (!key.starts_with("3.") && !key.starts_with("4.")) return false;
  for (key.remove_prefix(2);;) {
    const std::size_t dot = key.find('.');
    if (!parse_index(key.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    key.remove_prefix(dot + 1);
  }
}

bool has_fork_tables(const Header& header) {
  bool third = false;
  bool fourth = false;
  bool with_module = false;
  for (const auto& [key, value] : header.metadata) {
    third = third || (key.starts_with("3.") && is_fork_table_key(key));
    fourth = fourth || (key.starts_with("4.") && is_fork_table_key(key));
    with_module = with_module || (key.starts_with("2.") && is_class_with_module(value));
  }
  return (third && fourth) || ((third || fourth) && with_module);
}

}  // namespace kvcache::detail

// Keys of user metadata (section 1): which ones every runtime returns as they were stored, and which belong to mlx-swift-lm.
#pragma once

#include <algorithm>
#include <string_view>

namespace kvcache::detail {

// The state of a Swift vision model, beside the layers.
inline constexpr std::string_view state_key_prefix = "__mlx_lm_state_";
inline constexpr std::string_view state_tensor_key_prefix = "__mlx_lm_state_tensor_";
inline constexpr std::string_view state_class_prefix = "__mlx_lm_state_v1__:";
inline constexpr std::string_view state_version_key = "__mlx_lm_state_version";
inline constexpr std::string_view state_count_key = "__mlx_lm_state_count";

/// mlx-lm splits keys at dots and takes numbers for places in a list: other keys than these come back as another structure.
[[nodiscard]] constexpr bool is_safe_user_key(std::string_view key) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  const auto later = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  return !key.empty() && letter(key.front()) && std::ranges::all_of(key, later);
}

}  // namespace kvcache::detail

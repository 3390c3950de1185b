// Rapid-MLX saves what no file can hold, slots that are not set and arrays without elements, as arrays of one element, and says
// so in user metadata. mlx-lm takes them for what they are stored as.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string_view>

#include "kvcache/finding.h"
#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// Keys of user metadata, as they are in a file of sections.
inline constexpr std::string_view stand_ins_key = "1.__rapid_mlx_optional_state_v1";
inline constexpr std::string_view vendored_classes_key = "1.__rapid_mlx_vendored_cache_classes_v1";

/// Indices of tensors of a header.
struct StandIns {
  std::set<std::size_t> unset;               ///< stand for no array
  std::map<std::size_t, TensorEntry> empty;  ///< stand for this one, without elements
  [[nodiscard]] bool any() const { return !unset.empty() || !empty.empty(); }
};

/// Reports KV916 where there are some, KV303 where the metadata are broken or name an array that is no stand-in.
[[nodiscard]] StandIns find_stand_ins(const Header& header, Findings& findings);

}  // namespace kvcache::detail

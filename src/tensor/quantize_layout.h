// Sizes of one quantized group, and the three arrays that a run of groups is stored in.
#pragma once

#include <cstddef>

#include "kvcache/dtype.h"

namespace kvcache {

/// Everything about a quantization but its values. A group is group_size consecutive elements of the last axis; rows are whole
/// groups and a group is whole U32 words (group_size >= 32), so a tensor is one flat run of groups and rows do not matter.
struct GroupLayout {
  Dtype dtype;  ///< of the values, scales and biases: F16, BF16 or F32
  int bits;
  int group_size;

  [[nodiscard]] std::size_t weight_bytes() const {
    return static_cast<std::size_t>(group_size) * static_cast<std::size_t>(bits) / 8;
  }
  [[nodiscard]] std::size_t value_bytes() const { return static_cast<std::size_t>(group_size) * item_size(dtype); }
};

inline constexpr std::size_t max_group_size = 128;

/// Where a run of groups goes: weight_bytes(), one scale and one bias per group. Nothing needs to be aligned.
struct EncodedGroups {
  std::byte* weights;
  std::byte* scales;
  std::byte* biases;
};
struct ConstEncodedGroups {
  const std::byte* weights;
  const std::byte* scales;
  const std::byte* biases;
};

}  // namespace kvcache

// A layer as what it stands for: arrays of values over tokens, whatever class stores them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kvcache/caches.h"

namespace kvcache::detail {

struct LogicalPart {
  std::string name;
  Tensor tensor;                            ///< [B, H, T, D] over tokens, or any shape
  std::optional<std::int64_t> first_token;  ///< position of row 0 on axis 2; absent: not over tokens
};

/// Parts of a layer in an order that is the same for all classes of keys and values. Rows that hold no token are left out; of a
/// window that has dropped tokens, the pinned ones are a part of their own.
[[nodiscard]] std::vector<LogicalPart> logical_parts(const Cache& layer);

}  // namespace kvcache::detail

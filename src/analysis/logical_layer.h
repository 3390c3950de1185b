// A layer as what it stands for: arrays of values over tokens, whatever class stores them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kvcache/caches.h"

namespace kvcache::detail {

/// Where the tokens of one sequence of a batch are: in rows [begin, rows of the array). Those before are left padding.
struct SequenceRows {
  std::int64_t begin = 0;
  std::int64_t first_token = 0;  ///< position of row `begin`
};

struct LogicalPart {
  std::string name;
  Tensor tensor;                             ///< [B, H, T, D] over tokens, or any shape
  std::optional<std::int64_t> first_token;   ///< position of row 0 on axis 2; absent: not over tokens, or a batch
  std::vector<SequenceRows> sequences = {};  ///< [B], of a batch over tokens; else empty
};

/// Parts of a layer in an order that is the same for all classes of keys and values. Rows that hold no token are left out, or
/// not among those of `sequences`; of a window that has dropped tokens, the pinned ones are a part of their own.
[[nodiscard]] std::vector<LogicalPart> logical_parts(const Cache& layer);

/// For each sequence of a batch whose arrays have `rows` rows in temporal order.
[[nodiscard]] std::vector<SequenceRows> sequence_rows(const Int32s& offset, const Int32s& left_padding, std::int64_t rows);

}  // namespace kvcache::detail

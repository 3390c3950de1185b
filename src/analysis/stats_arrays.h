// Which values of a layer statistics are about.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kvcache/cache.h"

namespace kvcache::detail {

/// An array with everything in it that counts, in pieces: the sequences of a batch, the pinned tokens of a window and the
/// others.
struct CountedArray {
  struct Piece {
    Tensor tensor;                            ///< F16, BF16 or F32
    std::optional<std::int64_t> first_token;  ///< position of row 0 on axis 2 of [B, H, T, D]; absent: not over tokens
  };
  std::string part;
  std::string why_not;  ///< or the reason why there are no pieces
  std::vector<Piece> pieces;
};

/// Arrays of a layer in the order of its state. Never throws for what is wrong with a layer: it says so.
[[nodiscard]] std::vector<CountedArray> counted_arrays(const Cache& layer);

}  // namespace kvcache::detail

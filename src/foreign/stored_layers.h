// From what a server has stored of a layer to the cache that it was: the rows that count, and nothing that cannot be.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kvcache/cache.h"
#include "kvcache/tensor.h"

namespace kvcache::foreign {

/// Every function names the layer in its errors: Error(unreadable) for what no server can have written so.
struct LayerPlace {
  std::string name;  ///< "layer 3", "layer 3 member 1"
};

/// Keys and values [B, H, rows, D] of which the first `offset` rows are tokens: servers save whole buffers.
[[nodiscard]] std::unique_ptr<Cache> plain_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values,
                                                 std::int64_t offset);

/// What a server stores beside a ring.
struct RingFields {
  std::int64_t keep = 0;      ///< pinned first tokens
  std::int64_t max_size = 0;  ///< window, tokens
  std::int64_t offset = 0;    ///< tokens seen
  std::int64_t idx = 0;       ///< row after the newest one
};
/// A ring that has never wrapped may have spare rows behind its offset, which go. Throws Error(impossible) where rows of the
/// window are missing: such a cache cannot go on.
[[nodiscard]] std::unique_ptr<Cache> ring_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values,
                                                const RingFields& fields);

/// A chunked layer whose buffer holds the tokens from `start` to `offset` in its first rows.
[[nodiscard]] std::unique_ptr<Cache> chunked_layer(const LayerPlace& place, const Tensor& keys, const Tensor& values,
                                                   std::optional<std::int64_t> chunk_size, std::int64_t start,
                                                   std::int64_t offset);

}  // namespace kvcache::foreign

// VarianceNormalizedKVCache (Swift): tiles of rotated, scaled and quantized tokens, and a plain tail; inspected, trimmed inside
// the tail and passed through.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Complete tiles of `tile_size` tokens are compressed together; the newest tokens that fill no tile yet are a tail of keys and
/// values, rotated as the tiles are. What the codes mean is not known here, so values are never decoded, and only tokens of the
/// tail can be taken off. The reference is mlx-swift-lm's VarianceNormalizedKVCache.
class VarianceNormalizedKVCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::variance_normalized;  ///< kind() of every one

  /// What a file stores of it.
  struct State {
    /// Per tile 8 arrays of rank 4: codes, scales, biases and column scales of the keys, the same of the values. Files of
    /// before the fused scales have 10, with row scales behind the column scales. Then keys and values of the tail, if it has
    /// tokens.
    std::vector<Tensor> arrays;
    std::int64_t tile_size = 0;              ///< tokens
    std::int64_t offset = 0;                 ///< tokens: of the tiles and the tail
    std::int64_t key_bits = 0;               ///< of a code
    std::int64_t value_bits = 0;             ///< of a code
    std::int64_t sinkhorn_iterations = 0;    ///< how tiles are made
    std::int64_t tile_count = 0;             ///< complete tiles
    std::int64_t tail_length = 0;            ///< tokens in the tail
    std::optional<std::string> key_dtype;    ///< "float16", "bfloat16", "float32" or "none"; absent in old files
    std::optional<std::string> value_dtype;  ///< as key_dtype
  };
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit VarianceNormalizedKVCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }
  /// Whether `arrays` are as many as the tiles and the tail need, with 8 or with 10 arrays a tile.
  [[nodiscard]] static bool fits(std::size_t arrays, std::int64_t tile_count, std::int64_t tail_length);

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "VarianceNormalizedKVCache"; }
  [[nodiscard]] std::int64_t size() const override { return state_.offset; }
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return state_.arrays.empty(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override;
  /// Of the tail only.
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_by(std::int64_t n) const override;
  std::int64_t trim(std::int64_t n) override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::vector<Part> parts() const override;

  /// Tokens that can be taken off: those of the tail, or all when there is no tile.
  [[nodiscard]] std::int64_t trimmable_tokens() const { return state_.tail_length; }

 private:
  State state_;
};

}  // namespace kvcache

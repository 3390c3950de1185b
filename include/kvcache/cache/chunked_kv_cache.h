// ChunkedKVCache: llama4's chunked attention; old chunks are dropped from the front.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Files before mlx-lm@0.32 store neither the offset nor the number of valid rows, and every runtime takes the row count for
/// the offset. The true offset comes from a sibling layer (set by the decoder); encoders write the repaired form, in which L ==
/// offset, or, where the offset is stored as well, the valid rows alone.
class ChunkedKVCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::chunked;  ///< kind() of every one

  /// What a file stores of it, and the offset that it does not.
  struct State {
    Tensor keys;                              ///< [B, H, L, Dk]; undefined: never used
    Tensor values;                            ///< [B, H, L, Dv]
    std::optional<std::int64_t> chunk_size;   ///< absent: Swift and mlxrs "None"
    std::int64_t start_position = 0;          ///< tokens dropped from the front
    std::optional<std::int64_t> true_offset;  ///< from a sibling layer, or stored; absent: unknown
    bool offset_stored = false;               ///< the file stores true_offset, as mlx-lm@0.32 does: no loader has to guess

    /// Its chunk size is None, which mlx-swift-lm and mlxrs take for one chunk without an end, and mlx-lm cannot use.
    [[nodiscard]] bool has_no_chunk_size() const { return !chunk_size; }
  };
  /// Never used: chunks of so many tokens, at least one, else Error(usage).
  explicit ChunkedKVCache(std::int64_t chunk_size);
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit ChunkedKVCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }
  /// For decoders, which learn the true offset from other layers.
  [[nodiscard]] State& mutable_state() noexcept { return state_; }

  /// Rows on the sequence axis, those without a token included.
  [[nodiscard]] std::int64_t stored_rows() const;
  /// true_offset where known, else the row count, as every loader does.
  [[nodiscard]] std::int64_t offset() const;
  /// offset - start_position: rows that hold tokens.
  [[nodiscard]] std::int64_t valid_rows() const;
  /// The form every loader restores exactly: valid rows, then zero rows so that L == offset.
  [[nodiscard]] State repaired() const;
  /// The valid rows alone. Throws Error(impossible) where nobody knows which they are.
  [[nodiscard]] State valid() const;

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "ChunkedKVCache"; }
  [[nodiscard]] std::int64_t size() const override { return offset(); }
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return !state_.keys.defined(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override { return std::nullopt; }
  /// The next token looks back to the start of its chunk: what it sees there must not be among the tokens that were dropped.
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_by(std::int64_t n) const override;
  std::int64_t trim(std::int64_t n) override;
  void update(const Tensor& keys, const Tensor& values) override;
  [[nodiscard]] Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  State state_;
};

}  // namespace kvcache

// RotatingKVCache: a sliding window with pinned first tokens, kept as a ring.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Holds the first `keep` tokens and the newest of the rest, at most `max_size` in all. Once it has wrapped it cannot be
/// trimmed: the tokens that would have to come back are gone.
class RotatingKVCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::rotating;  ///< kind() of every one

  /// What a file stores of it.
  struct State {
    Tensor keys;                               ///< [B, H, L, Dk] in ring order; undefined: never used
    Tensor values;                             ///< [B, H, L, Dv]
    std::int64_t keep = 0;                     ///< pinned first tokens
    std::int64_t max_size = 0;                 ///< window, tokens
    std::int64_t offset = 0;                   ///< tokens seen
    std::int64_t idx = 0;                      ///< ring row after the newest one
    std::optional<std::string> origin;         ///< Swift since S4: "modelNative" or "requested"
    std::optional<bool> wrapped = {};          ///< Swift since S5: whether rows [idx, L) are the oldest after the pinned ones
    std::optional<std::int64_t> reserve = {};  ///< Swift, not released: rows kept beyond max_size to go back to; never written

    /// Rows of a full ring.
    [[nodiscard]] std::int64_t capacity() const { return max_size + reserve.value_or(0); }
    /// Swift since S5 goes on with a window from which tokens were taken off after it had wrapped: in temporal order, with
    /// fewer rows than it had before and than there are tokens. No other runtime can, as they count rows by `offset`.
    [[nodiscard]] bool is_short() const;
  };
  /// Never used: a window of `max_size` tokens that pins the first `keep`. Throws Error(usage) unless 0 <= keep < max_size.
  RotatingKVCache(std::int64_t max_size, std::int64_t keep);
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit RotatingKVCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  /// Rows in temporal order: [0,keep) ++ [idx,L) ++ [keep,idx) when the ring is out of order, else as they are.
  [[nodiscard]] Tensor temporal_order(const Tensor& ring) const;
  /// Rewrite the ring in temporal order: an equivalent state, with idx == L.
  void unrotate();
  /// Tokens were evicted, or the ring is out of order: what trimming cannot undo.
  [[nodiscard]] bool wrapped() const;
  /// How many of the last tokens trim() can take off: all of them before the window is full; of a short one (State::is_short())
  /// those behind the pinned rows, as mlx-swift-lm does; else none.
  [[nodiscard]] std::int64_t trimmable_tokens() const;

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "RotatingKVCache"; }
  [[nodiscard]] std::int64_t size() const override;
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return !state_.keys.defined(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override;
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_by(std::int64_t n) const override;
  std::int64_t trim(std::int64_t n) override;
  void update(const Tensor& keys, const Tensor& values) override;
  [[nodiscard]] Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::unique_ptr<Cache> merge(std::span<const Cache* const> caches) const override;  ///< a BatchRotatingKVCache
  [[nodiscard]] std::optional<std::string> mismatch(const Cache& other) const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  void update_in_place(const Tensor& keys, const Tensor& values);
  void update_concat(const Tensor& keys, const Tensor& values);
  void forget_reserve();
  State state_;
};

}  // namespace kvcache

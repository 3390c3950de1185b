// RotatingKVCache: a sliding window with pinned first tokens, kept as a ring.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Holds the first `keep` tokens and the newest of the rest, at most `max_size` in all. Once it has wrapped it cannot be
/// trimmed: the tokens that would have to come back are gone.
class RotatingKVCache final : public Cache {
 public:
  /// What a file stores of it.
  struct State {
    Tensor keys;                        ///< [B, H, L, Dk] in ring order; undefined: never used
    Tensor values;                      ///< [B, H, L, Dv]
    std::int64_t keep = 0;              ///< pinned first tokens
    std::int64_t max_size = 0;          ///< window, tokens
    std::int64_t offset = 0;            ///< tokens seen
    std::int64_t idx = 0;               ///< ring row after the newest one
    std::optional<std::string> origin;  ///< Swift since S4: "modelNative" or "requested"
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

  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "RotatingKVCache"; }
  [[nodiscard]] std::int64_t size() const override;
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return !state_.keys.defined(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override;
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
  State state_;
};

}  // namespace kvcache

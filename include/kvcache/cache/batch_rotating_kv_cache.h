// BatchRotatingKVCache: sliding windows of several sequences side by side.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// What several RotatingKVCaches become side by side. It pins no tokens (keep is 0).
class BatchRotatingKVCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::batch_rotating;  ///< kind() of every one

  /// What a file stores of it.
  struct State {
    Tensor keys;                ///< [B, H, L, Dk] in ring order
    Tensor values;              ///< [B, H, L, Dv]
    Int32s offset;              ///< [B], tokens seen
    Int32s left_padding;        ///< [B], rows; may be negative
    std::int64_t max_size = 0;  ///< window, tokens
    std::int64_t total = 0;     ///< the reference's _offset: tokens appended, padding included
    std::int64_t idx = 0;       ///< ring row after the newest one
    bool rotated = false;       ///< the ring has wrapped: the oldest row is at idx
  };
  /// Never used: windows of `max_size` tokens, as many as paddings [B], in rows.
  BatchRotatingKVCache(std::int64_t max_size, Int32s left_padding);
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit BatchRotatingKVCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  /// Bring rows into temporal order ([idx,L) ++ [0,idx) when rotated): an equivalent state.
  void unrotate();

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "BatchRotatingKVCache"; }
  [[nodiscard]] std::int64_t size() const override;
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return !state_.keys.defined(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override;
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_by(std::int64_t n) const override;
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_to(std::int64_t length) const override;
  std::int64_t trim(std::int64_t n) override;  ///< the reference's trim leaves a negative offset where a sequence has fewer
  std::int64_t trim_to(std::int64_t length) override;
  void update(const Tensor& keys, const Tensor& values) override;
  [[nodiscard]] Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const override;
  void filter(std::span<const std::int64_t> indices) override;
  void extend(const Cache& other) override;
  [[nodiscard]] std::unique_ptr<Cache> extract(std::int64_t index) const override;
  void prepare(const Int32s& right_padding) override;
  void finalize() override;
  [[nodiscard]] std::optional<std::string> mismatch(const Cache& other) const override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  void update_in_place(const Tensor& keys, const Tensor& values);
  void update_concat(const Tensor& keys, const Tensor& values);
  State state_;
  Int32s right_padding_;             ///< pending between prepare and finalize; never in a file
  bool padded_rows_stored_ = false;  ///< the update that prepare() announced has come
};

}  // namespace kvcache

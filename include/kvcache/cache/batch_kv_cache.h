// BatchKVCache: left-padded sequences side by side.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// What several KVCaches become side by side. Sequences end at the same row; shorter ones have unused rows before them.
class BatchKVCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::batch;  ///< kind() of every one

  /// What a file stores of it.
  struct State {
    Tensor keys;          ///< [B, H, L, Dk]; rows [left_padding[b], L) of sequence b hold tokens
    Tensor values;        ///< [B, H, L, Dv]
    Int32s offset;        ///< [B], tokens; offset[b] + left_padding[b] == L
    Int32s left_padding;  ///< [B], rows
  };
  /// Never used: as many sequences as paddings [B], in rows.
  explicit BatchKVCache(Int32s left_padding);
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit BatchKVCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "BatchKVCache"; }
  [[nodiscard]] std::int64_t size() const override;  ///< rows, padding included, as the reference's _idx
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return !state_.keys.defined(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override { return std::nullopt; }
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
  State state_;
  Int32s right_padding_;  ///< pending between prepare and finalize; never in a file
};

}  // namespace kvcache

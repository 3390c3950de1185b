// ArraysCache and MambaCache: the fixed-size state of recurrent and convolutional layers.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// A number of slots with arrays of the model's own shapes. Takes no update and cannot be trimmed: what is folded into a state
/// cannot be taken out again.
class ArraysCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::arrays;  ///< kind() of every one

  /// What a file stores of it.
  struct State {
    std::vector<Tensor> slots;           ///< any shape and dtype, first axis B; undefined: unset slot
    std::optional<Int32s> left_padding;  ///< [B]; may be negative
    std::optional<Int32s> lengths;       ///< [B]; may be negative
    bool mamba = false;                  ///< the file calls it MambaCache
  };
  /// Never used: so many unset slots.
  explicit ArraysCache(std::size_t slots);
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit ArraysCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return state_.mamba ? "MambaCache" : "ArraysCache"; }
  [[nodiscard]] std::int64_t size() const override { return 0; }
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override;  ///< no slot is set
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override;
  [[nodiscard]] Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const override;
  void filter(std::span<const std::int64_t> indices) override;
  void extend(const Cache& other) override;
  [[nodiscard]] std::unique_ptr<Cache> extract(std::int64_t index) const override;
  void prepare(const Int32s& right_padding) override;
  void finalize() override;
  void advance(std::int64_t n);  ///< subtracts n from left_padding and lengths
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::unique_ptr<Cache> merge(std::span<const Cache* const> caches) const override;
  [[nodiscard]] std::optional<std::string> mismatch(const Cache& other) const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  State state_;
  Int32s right_padding_;  ///< pending between prepare and finalize; never in a file
};

}  // namespace kvcache

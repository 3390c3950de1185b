// KVCache: plain keys and values, every token kept.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// The offset is the number of rows. Aliases in files: ConcatenateKVCache (mlx-lm), KVCacheSimple (Swift), StandardKvCache
/// (mlxrs).
class KVCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::kv;  ///< kind() of every one

  /// What a file stores of it.
  struct State {
    Tensor keys;                    ///< [B, H, S, Dk]; undefined: never used
    Tensor values;                  ///< [B, H, S, Dv]
    std::string alias = "KVCache";  ///< the class name the file uses
  };
  KVCache() = default;
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit KVCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return state_.alias; }
  [[nodiscard]] std::int64_t size() const override;
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return !state_.keys.defined(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override { return std::nullopt; }
  std::int64_t trim(std::int64_t n) override;
  void update(const Tensor& keys, const Tensor& values) override;
  [[nodiscard]] Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::unique_ptr<Cache> merge(std::span<const Cache* const> caches) const override;  ///< a BatchKVCache
  [[nodiscard]] std::optional<std::string> mismatch(const Cache& other) const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  State state_;
};

}  // namespace kvcache

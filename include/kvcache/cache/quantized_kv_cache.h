// QuantizedKVCache: keys and values as packed codes with a scale and a bias per group (format notes C.3, E).
#pragma once

#include "kvcache/cache.h"
#include "kvcache/quantize.h"

namespace kvcache {

class QuantizedKVCache final : public Cache {
 public:
  struct State {
    /// weights U32 [B, H, L, D*bits/32], scales and biases [B, H, L, D/group_size]. Undefined weights: never used. Undefined
    /// biases: a mode without biases, which is carried but never decoded.
    Quantized keys;
    Quantized values;
    std::int64_t offset = 0;  ///< tokens; rows beyond it are ignored
    std::int64_t group_size = 64;
    std::int64_t bits = 8;
  };
  QuantizedKVCache(std::int64_t group_size, std::int64_t bits);
  explicit QuantizedKVCache(State state) : state_(std::move(state)) {}
  [[nodiscard]] const State& state() const noexcept { return state_; }

  /// Decoded keys / values [B, H, offset, D] in the dtype of the scales unless `dtype` says otherwise.
  [[nodiscard]] Tensor decoded_keys(std::optional<Dtype> dtype = std::nullopt) const;
  [[nodiscard]] Tensor decoded_values(std::optional<Dtype> dtype = std::nullopt) const;

  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "QuantizedKVCache"; }
  [[nodiscard]] std::int64_t size() const override { return state_.offset; }
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return !state_.keys.weights.defined(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override { return std::nullopt; }
  std::int64_t trim(std::int64_t n) override;
  void update(const Tensor& keys, const Tensor& values) override;  ///< takes plain keys and values and quantizes them
  [[nodiscard]] Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  State state_;
};

}  // namespace kvcache

// QuantizedKVCache: keys and values as packed codes with a scale and a bias per group.
#pragma once

#include <utility>

#include "kvcache/cache.h"
#include "kvcache/quantize.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Takes plain keys and values and packs them; only the reference's affine mode is ever decoded.
class QuantizedKVCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::quantized;  ///< kind() of every one

  /// What a file stores of it.
  struct State {
    /// weights U32 [B, H, L, D*bits/32], scales and biases [B, H, L, D/group_size]. Undefined weights: never used. Undefined
    /// biases: a mode without biases, which is carried but never decoded.
    Quantized keys;
    Quantized values;              ///< as the keys
    std::int64_t offset = 0;       ///< tokens; rows beyond it are ignored on load, and no operation here drops them
    std::int64_t group_size = 64;  ///< values that share a scale
    std::int64_t bits = 8;         ///< per value

    /// Quantized in a mode without biases, or with U8 scales (mxfp4, nvfp4, mxfp8): files do not say which, so that such arrays
    /// are carried along and never decoded. A cache that was never used has no mode yet.
    [[nodiscard]] bool has_unnamed_mode() const;
  };
  /// Never used. Throws Error(usage) for bits or a group size that is_supported_bits() and is_supported_group_size() deny.
  QuantizedKVCache(std::int64_t group_size, std::int64_t bits);
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit QuantizedKVCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  /// What is to be said before rows behind the offset are dropped; nothing when there are none.
  [[nodiscard]] std::optional<Refusal> why_not_cut() const;

  /// Decoded keys / values [B, H, offset, D] in the dtype of the scales unless `dtype` says otherwise.
  [[nodiscard]] Tensor decoded_keys(std::optional<Dtype> dtype = std::nullopt, DequantizeOptions options = {}) const;
  /// @copydoc decoded_keys
  [[nodiscard]] Tensor decoded_values(std::optional<Dtype> dtype = std::nullopt, DequantizeOptions options = {}) const;

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "QuantizedKVCache"; }
  [[nodiscard]] std::int64_t size() const override { return state_.offset; }
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return !state_.keys.weights.defined(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override { return std::nullopt; }
  std::int64_t trim(std::int64_t n) override;
  std::int64_t trim_to(std::int64_t length) override;
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_by(std::int64_t n) const override;
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_to(std::int64_t length) const override;
  void update(const Tensor& keys, const Tensor& values) override;  ///< takes plain keys and values and quantizes them
  /// The same, with names of the arrays for errors: they are quantized when the result is written.
  void update(const Tensor& keys, const Tensor& values, const std::string& keys_label, const std::string& values_label);
  [[nodiscard]] Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  State state_;
};

}  // namespace kvcache

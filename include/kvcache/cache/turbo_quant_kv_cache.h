// TurboQuantKVCache (Swift): rotated codebook quantization; inspected, trimmed and passed through.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Its arrays are carried along and cut at tokens; what their codes mean is not known here, so values are never decoded.
class TurboQuantKVCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::turbo_quant;  ///< kind() of every one

  /// Which arrays the state holds, in their order in the file.
  enum class Form {
    plain,        ///< K, V
    raw_keys,     ///< K, Vp, Vn
    affine_keys,  ///< Kw, Ks, Kb, Vp, Vn
    symmetric,    ///< Kp, Kn, Vp, Vn and, optionally, calib [Dk]
  };
  /// What a file stores of it.
  struct State {
    Form form = Form::plain;      ///< of `arrays`
    std::vector<Tensor> arrays;   ///< in file order; empty: never used
    std::int64_t offset = 0;      ///< tokens
    std::int64_t bits = 4;        ///< of both, where they agree
    std::int64_t key_bits = 0;    ///< 0: keys are not packed
    std::int64_t value_bits = 4;  ///< of a packed value
    std::uint64_t seed = 42;      ///< of the rotation
  };
  /// From a state that is consistent, as a decoded one is: it is not checked.
  explicit TurboQuantKVCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }
  /// The form that fits these arrays (by number and dtypes), or nothing.
  [[nodiscard]] static std::optional<Form> form_of(std::span<const Tensor> arrays, std::int64_t key_bits);

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "TurboQuantKVCache"; }
  [[nodiscard]] std::int64_t size() const override { return state_.offset; }
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return state_.arrays.empty(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override { return std::nullopt; }
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_by(std::int64_t n) const override;
  std::int64_t trim(std::int64_t n) override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  State state_;
};

}  // namespace kvcache

// Numeric conversions: affine quantization, dequantization and casts, bit-exact with MLX on a CPU (mx.quantize,
// mx.dequantize), the reference here. All are lazy: the arithmetic runs in tiles when the result is written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kvcache/remedy.h"
#include "kvcache/tensor.h"

namespace [[gnu::visibility("default")]] kvcache {

/// bits in {2,3,4,5,6,8} and group_size in {32,64,128}: what MLX has.
[[nodiscard]] bool is_supported_bits(std::int64_t bits) noexcept;
/// @copydoc is_supported_bits
[[nodiscard]] bool is_supported_group_size(std::int64_t group_size) noexcept;

/// An array [..., D] as packed codes.
struct Quantized {
  Tensor weights;  ///< U32 [..., D*bits/32], codes as one little-endian bitstream per row
  Tensor scales;   ///< dtype of the input, [..., D/group_size]
  Tensor biases;   ///< as scales
};

/// Reconstruction error, gathered in the same pass that quantizes. Thread-safe; read after the tensors were written.
class ErrorStats {
 public:
  ErrorStats();
  ~ErrorStats();
  ErrorStats(const ErrorStats&) = delete;
  ErrorStats& operator=(const ErrorStats&) = delete;
  [[nodiscard]] double max_abs_error() const;  ///< largest difference of one value
  [[nodiscard]] double rmse() const;           ///< root of the mean squared difference
  [[nodiscard]] double snr_db() const;         ///< 10*log10(sum x^2 / sum err^2); +inf when the error is 0
  /// Called by the kernels, once per tile.
  void add(double max_abs, double sum_sq_error, double sum_sq_signal, std::uint64_t count);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What to call the tensor, and what to measure.
struct QuantizeOptions {
  /// Names the tensor in errors: "layer 3 keys". Positions are reported as sequence, head and token of [B, H, S, D].
  std::string label;
  /// When set, decoded values are compared with the input (costs a decode per tile).
  std::shared_ptr<ErrorStats> stats;
  /// What makes float16 values bfloat16, for the refusal where their codes would overflow.
  Remedy wider = {};
};

/// Affine quantization of the last axis, as MLX does it. x is F16, BF16 or F32 with last dim D, D % group_size == 0 (D may be
/// 0). Throws Error(usage) on unsupported bits, group size or dtype, Error(impossible) when D does not divide; evaluation
/// throws Error(impossible) naming label, sequence, head and token at the first NaN or infinity, and for a group whose codes
/// would decode to infinity (float16 values some 65504 apart: code times scale overflows before the bias is added).
[[nodiscard]] Quantized quantize(const Tensor& x, int bits, int group_size, QuantizeOptions options = {});

/// What to call the tensor, and what may come of it.
struct DequantizeOptions {
  std::string label = {};      ///< names the tensor in errors: "layer 3 keys"
  bool allow_infinity = true;  ///< otherwise evaluation throws Error(impossible) at the first codes that decode to infinity
};

/// code*scale+bias in the dtype of the scales, the product rounded as well as the sum, as MLX does on a CPU; then a cast to
/// `out` where it differs; out == F32 computes in float32 throughout. Shapes as in Quantized; throws Error(impossible) when
/// they do not fit.
[[nodiscard]] Tensor dequantize(const Quantized& q, int bits, int group_size, Dtype out, DequantizeOptions options = {});

/// Counts what a cast loses. Thread-safe; read after the tensor was written.
class CastStats {
 public:
  CastStats();
  ~CastStats();
  CastStats(const CastStats&) = delete;
  CastStats& operator=(const CastStats&) = delete;
  [[nodiscard]] std::uint64_t overflows() const;  ///< finite values that became infinite
  void add_overflows(std::uint64_t n);            ///< called by the kernels, once per tile

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What to call the tensor, and what may be lost.
struct CastOptions {
  std::string label;                 ///< names the tensor in errors
  bool allow_overflow = false;       ///< otherwise evaluation throws Error(impossible) at the first finite value that overflows
  std::shared_ptr<CastStats> stats;  ///< when set, counts what was lost
};

/// Between F16, BF16 and F32, round to nearest even. NaN stays NaN, infinities stay. Same dtype: returns x itself.
[[nodiscard]] Tensor cast(const Tensor& x, Dtype dtype, CastOptions options = {});

/// Scalar conversions, exact or rounded to nearest even; for code that looks at single values.
[[nodiscard]] float f16_to_f32(std::uint16_t bits) noexcept;
/// @copydoc f16_to_f32
[[nodiscard]] std::uint16_t f32_to_f16(float value) noexcept;
/// @copydoc f16_to_f32
[[nodiscard]] float bf16_to_f32(std::uint16_t bits) noexcept;
/// @copydoc f16_to_f32
[[nodiscard]] std::uint16_t f32_to_bf16(float value) noexcept;

}  // namespace kvcache

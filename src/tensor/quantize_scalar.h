// Affine quantization and its inverse as MLX computes them on a CPU, one value at a time: what the vector kernels are tested
// against, and what runs where there is no vector unit we know.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kvcache/dtype.h"
#include "tensor/quantize_layout.h"

namespace kvcache::scalar {

/// Same contracts as in simd/kernels.h.
[[nodiscard]] bool encode(const GroupLayout& layout, const std::byte* values, std::size_t groups, EncodedGroups out);
void decode(const GroupLayout& layout, ConstEncodedGroups in, std::size_t groups, Dtype out_dtype, std::byte* out);
[[nodiscard]] std::uint64_t convert(Dtype from, Dtype to, const std::byte* in, std::size_t count, std::byte* out);

/// One element at p, which need not be aligned.
[[nodiscard]] float load(Dtype dtype, const std::byte* p) noexcept;
void store(Dtype dtype, float value, std::byte* p) noexcept;

}  // namespace kvcache::scalar

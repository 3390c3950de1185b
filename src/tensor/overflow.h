// Groups of codes that decode to infinity. Decoding takes code x scale before it adds the bias, and rounds both in the dtype of
// the scales: a group of float16 values that are some 65504 apart overflows on the way, although each of them fits. MLX encodes
// such groups silently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tensor/quantize_layout.h"

namespace kvcache {

/// Bits, without the sign, of the largest scale whose product with every code stays finite.
[[nodiscard]] std::uint32_t largest_safe_scale(Dtype dtype, int bits);

/// Whether one of these groups could decode to infinity, from scales and biases alone; as fast as they can be read.
[[nodiscard]] bool may_overflow(const GroupLayout& layout, const std::byte* scales, const std::byte* biases,
                                std::size_t groups);

/// The first of the values of one group that decodes to infinity. Nothing where scale or bias are not finite themselves, which
/// is another defect.
[[nodiscard]] std::optional<std::size_t> overflowing_value(const GroupLayout& layout, ConstEncodedGroups group);

}  // namespace kvcache

#include "tensor/overflow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kvcache/quantize.h"
#include "tensor/quantize_scalar.h"

namespace kvcache {
namespace {

constexpr int most_bits = 8;

float as_float(Dtype dtype, std::uint32_t bits) {
  std::array<std::byte, sizeof bits> raw{};
  std::memcpy(raw.data(), &bits, sizeof bits);  // little-endian, as everything here
  return scalar::load(dtype, raw.data());
}

float rounded_to(Dtype dtype, float value) {
  std::array<std::byte, sizeof(float)> raw{};
  scalar::store(dtype, value, raw.data());
  return scalar::load(dtype, raw.data());
}

bool is_infinite_in(Dtype dtype, float value) {
  return std::isinf(rounded_to(dtype, value));
}

float largest_code(int bits) {
  return static_cast<float>((1 << bits) - 1);
}

// Magnitudes order like integers, and so do their products with a number that is not negative.
std::uint32_t search_safe_scale(Dtype dtype, int bits) {
  std::uint32_t safe = 0;
  std::uint32_t infinite = dtype == Dtype::F16 ? 0x7C00U : dtype == Dtype::BF16 ? 0x7F80U : 0x7F800000U;
  while (infinite - safe > 1) {
    const std::uint32_t middle = safe + (infinite - safe) / 2;
    (is_infinite_in(dtype, largest_code(bits) * as_float(dtype, middle)) ? infinite : safe) = middle;
  }
  return safe;
}

using SafeScales = std::array<std::uint32_t, most_bits + 1>;

SafeScales safe_scales(Dtype dtype) {
  SafeScales scales{};
  for (int bits = 1; bits <= most_bits; ++bits) scales[static_cast<std::size_t>(bits)] = search_safe_scale(dtype, bits);
  return scales;
}

template <class Word>
std::uint32_t largest_magnitude(const std::byte* values, std::size_t count) {
  constexpr Word magnitude = static_cast<Word>(static_cast<Word>(~Word{0}) >> 1U);
  Word largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Word word;
    std::memcpy(&word, values + i * sizeof word, sizeof word);
    largest = std::max(largest, static_cast<Word>(word & magnitude));
  }
  return largest;
}

float largest_of(Dtype dtype, const std::byte* values, std::size_t count) {
  return as_float(dtype, dtype == Dtype::F32 ? largest_magnitude<std::uint32_t>(values, count)
                                             : largest_magnitude<std::uint16_t>(values, count));
}

// Not by single values: where this says no, no code whatever can make it true.
bool can_overflow(const GroupLayout& layout, float scale, float bias) {
  // Decoding rounds twice, and the first time may be upwards: the product, then the sum.
  const float product = rounded_to(layout.dtype, largest_code(layout.bits) * std::fabs(scale));
  const bool opposite = std::signbit(scale) != std::signbit(bias) || bias == 0.0F;
  // Of opposite signs, the sum is no larger than the larger of the two.
  return std::isinf(product) || (!opposite && is_infinite_in(layout.dtype, product + std::fabs(bias)));
}

}  // namespace

std::uint32_t largest_safe_scale(Dtype dtype, int bits) {
  static const SafeScales f16 = safe_scales(Dtype::F16);
  static const SafeScales bf16 = safe_scales(Dtype::BF16);
  static const SafeScales f32 = safe_scales(Dtype::F32);
  const SafeScales& scales = dtype == Dtype::F16 ? f16 : dtype == Dtype::BF16 ? bf16 : f32;
  return scales.at(static_cast<std::size_t>(bits));
}

bool may_overflow(const GroupLayout& layout, const std::byte* scales, const std::byte* biases, std::size_t groups) {
  // As if the largest of both came together, with one sign.
  const float scale = largest_of(layout.dtype, scales, groups);
  const float bias = largest_of(layout.dtype, biases, groups);
  return !std::isfinite(scale) || !std::isfinite(bias) || can_overflow(layout, scale, bias);
}

std::optional<std::size_t> overflowing_value(const GroupLayout& layout, ConstEncodedGroups group) {
  const float scale = scalar::load(layout.dtype, group.scales);
  const float bias = scalar::load(layout.dtype, group.biases);
  if (!std::isfinite(scale) || !std::isfinite(bias) || !can_overflow(layout, scale, bias)) return std::nullopt;
  std::array<std::byte, max_group_size * sizeof(float)> decoded{};
  scalar::decode(layout, group, 1, layout.dtype, decoded.data());
  const auto size = static_cast<std::size_t>(layout.group_size);
  for (std::size_t i = 0; i < size; ++i)
    if (!std::isfinite(scalar::load(layout.dtype, decoded.data() + i * item_size(layout.dtype)))) return i;
  return std::nullopt;
}

}  // namespace kvcache

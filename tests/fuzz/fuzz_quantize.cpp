// Quantization and casts: every instruction set of this machine gives the bytes of the scalar code, for any values.
#include <hwy/targets.h>

#include <array>
#include <cstring>
#include <vector>

#include "fuzz_target.h"
#include "tensor/quantize_scalar.h"
#include "tensor/simd/kernels.h"

using namespace kvcache;

const std::size_t fuzz_trailer = 0;

namespace {

constexpr std::array dtypes = {Dtype::F16, Dtype::BF16, Dtype::F32};
constexpr std::array all_bits = {2, 3, 4, 5, 6, 8};
constexpr std::array group_sizes = {32, 64, 128};

struct Arrays {
  Arrays(const GroupLayout& layout, std::size_t groups)
      : weights(groups * layout.weight_bytes()), scales(groups * item_size(layout.dtype)), biases(scales) {}
  EncodedGroups out() { return {weights.data(), scales.data(), biases.data()}; }
  [[nodiscard]] ConstEncodedGroups in() const { return {weights.data(), scales.data(), biases.data()}; }
  bool operator==(const Arrays&) const = default;

  std::vector<std::byte> weights, scales, biases;
};

void check_encode(const GroupLayout& layout, std::span<const std::byte> values) {
  const std::size_t groups = values.size() / layout.value_bytes();
  Arrays expected(layout, groups);
  Arrays got(layout, groups);
  const bool finite = scalar::encode(layout, values.data(), groups, expected.out());
  fuzz::require(simd::encode(layout, values.data(), groups, got.out()) == finite, "both see the same NaN and infinities");
  fuzz::require(!finite || got == expected, "encoded bytes are the same");
}

void check_decode(const GroupLayout& layout, std::span<const std::byte> bytes) {
  const std::size_t group = layout.weight_bytes() + 2 * item_size(layout.dtype);
  const std::size_t groups = bytes.size() / group;
  Arrays in(layout, groups);
  const std::byte* from = bytes.data();
  for (auto* part : {&in.weights, &in.scales, &in.biases}) {
    if (!part->empty()) std::memcpy(part->data(), from, part->size());
    from += part->size();
  }
  for (const Dtype to : {layout.dtype, Dtype::F32}) {
    std::vector<std::byte> expected(groups * static_cast<std::size_t>(layout.group_size) * item_size(to));
    std::vector<std::byte> got(expected.size());
    scalar::decode(layout, in.in(), groups, to, expected.data());
    simd::decode(layout, in.in(), groups, to, got.data());
    // Which NaN comes out of NaN and infinity is the processor's choice.
    for (std::size_t i = 0; i < expected.size(); i += item_size(to)) {
      const float e = scalar::load(to, &expected[i]);
      const float g = scalar::load(to, &got[i]);
      fuzz::require(std::memcmp(&expected[i], &got[i], item_size(to)) == 0 || (e != e && g != g),
                    "decoded values are the same");
    }
  }
}

void check_convert(Dtype from, Dtype to, std::span<const std::byte> values) {
  const std::size_t count = values.size() / item_size(from);
  std::vector<std::byte> expected(count * item_size(to));
  std::vector<std::byte> got(expected.size());
  const std::uint64_t overflows = scalar::convert(from, to, values.data(), count, expected.data());
  fuzz::require(simd::convert(from, to, values.data(), count, got.data()) == overflows, "overflows are the same");
  fuzz::require(got == expected, "converted values are the same");
}

}  // namespace

// Input: dtype, bits, group size, then values.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const GroupLayout layout{dtypes[data[0] % dtypes.size()], all_bits[data[1] % all_bits.size()],
                           group_sizes[data[2] % group_sizes.size()]};
  // Of their own allocation, so that reading past them is seen.
  const std::vector<std::uint8_t> copy(data + 3, data + size);
  const auto values = std::as_bytes(std::span(copy));
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    check_encode(layout, values);
    check_decode(layout, values);
    for (const Dtype to : dtypes)
      if (to != layout.dtype) check_convert(layout.dtype, to, values);
    hwy::SetSupportedTargetsForTest(0);
  }
  return 0;
}

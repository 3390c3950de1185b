// Every instruction set gives the bytes that the scalar code gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "every_target.h"
#include "float_arrays.h"
#include "tensor/simd/kernels.h"

namespace {

using namespace kvcache;

constexpr std::size_t guard_bytes = 80;
constexpr std::byte guard{0xA5};

/// The three arrays of a run of groups. Starts at odd addresses; what lies behind each array must stay as it is.
struct Arrays {
  Arrays(const GroupLayout& layout, std::size_t groups)
      : weights(1 + groups * layout.weight_bytes() + guard_bytes, guard),
        scales(1 + groups * item_size(layout.dtype) + guard_bytes, guard),
        biases(scales) {}
  EncodedGroups out() { return {weights.data() + 1, scales.data() + 1, biases.data() + 1}; }
  ConstEncodedGroups in() const { return {weights.data() + 1, scales.data() + 1, biases.data() + 1}; }
  bool operator==(const Arrays&) const = default;

  test::FloatBytes weights;
  test::FloatBytes scales;
  test::FloatBytes biases;
};

struct KernelCase {
  Dtype dtype;
  int bits;
  int group_size;
};
std::string case_name(const testing::TestParamInfo<KernelCase>& info) {
  return std::string(name(info.param.dtype)) + "_b" + std::to_string(info.param.bits) + "_g" +
         std::to_string(info.param.group_size);
}
std::vector<KernelCase> all_cases() {
  std::vector<KernelCase> cases;
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    for (const int bits : {2, 3, 4, 5, 6, 8}) {
      for (const int group_size : {32, 64, 128}) cases.push_back({dtype, bits, group_size});
    }
  }
  return cases;
}

class QuantizeKernels : public testing::TestWithParam<KernelCase> {
 protected:
  const GroupLayout layout{GetParam().dtype, GetParam().bits, GetParam().group_size};
};
INSTANTIATE_TEST_SUITE_P(All, QuantizeKernels, testing::ValuesIn(all_cases()), case_name);

// Numbers of groups around those that a vector, a block of extremes and a batch hold.
constexpr std::size_t group_counts[] = {1, 3, 8, 31, 32, 33, 71};

TEST_P(QuantizeKernels, EncodeAsTheScalarCode) {
  for (const auto& [input_name, values] : test::hard_inputs(layout.dtype, layout.bits, 71 * layout.group_size)) {
    SCOPED_TRACE(input_name);
    const auto bytes = test::to_bytes(layout.dtype, values);
    for (const std::size_t groups : group_counts) {
      Arrays expected(layout, groups);
      const bool finite = scalar::encode(layout, bytes.data(), groups, expected.out());
      test::on_every_target([&] {
        Arrays actual(layout, groups);
        EXPECT_EQ(simd::encode(layout, bytes.data(), groups, actual.out()), finite);
        EXPECT_TRUE(actual == expected) << groups << " groups";
      });
    }
  }
}

TEST_P(QuantizeKernels, FindEveryValueThatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto values = test::normal_values(40 * layout.group_size);
  for (const float bad :
       {infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN()}) {
    for (const std::size_t position : {std::size_t{0}, std::size_t{17}, values.size() / 2, values.size() - 1}) {
      auto spoiled = values;
      spoiled[position] = bad;
      const auto bytes = test::to_bytes(layout.dtype, spoiled);
      test::on_every_target([&] {
        Arrays ignored(layout, 40);
        EXPECT_FALSE(simd::encode(layout, bytes.data(), 40, ignored.out())) << bad << " at " << position;
      });
    }
  }
}

// The range of a group may be beyond float32 where all its values are within.
TEST_P(QuantizeKernels, FindEveryInfiniteScale) {
  if (layout.dtype == Dtype::F16) return;  // twice its largest value is far from that
  for (const std::size_t spoiled : {std::size_t{0}, std::size_t{4}, std::size_t{39}}) {
    auto values = test::normal_values(40 * layout.group_size);
    values[spoiled * layout.group_size + 3] = test::largest(layout.dtype);
    values[spoiled * layout.group_size + 9] = -test::largest(layout.dtype);
    const auto bytes = test::to_bytes(layout.dtype, values);
    Arrays ignored(layout, 40);
    EXPECT_FALSE(scalar::encode(layout, bytes.data(), 40, ignored.out()));
    test::on_every_target([&] { EXPECT_FALSE(simd::encode(layout, bytes.data(), 40, ignored.out())) << "group " << spoiled; });
  }
}

// Any bits are codes, and scales may be anything that a file holds (but NaN, of which there are many).
TEST_P(QuantizeKernels, DecodeAsTheScalarCode) {
  std::mt19937 random(5);
  const auto any_bits = [&](test::FloatBytes& bytes) {
    std::generate(bytes.begin(), bytes.end() - guard_bytes, [&] { return static_cast<std::byte>(random()); });
  };
  for (const std::size_t groups : group_counts) {
    Arrays in(layout, groups);
    any_bits(in.weights);
    for (test::FloatBytes* floats : {&in.scales, &in.biases}) {
      any_bits(*floats);
      for (std::size_t i = 0; i < groups; ++i) {
        std::byte* p = floats->data() + 1 + i * item_size(layout.dtype);
        if (std::isnan(scalar::load(layout.dtype, p))) scalar::store(layout.dtype, 0.75F, p);
      }
    }
    for (const Dtype out : {layout.dtype, Dtype::F32}) {
      test::FloatBytes expected(1 + groups * layout.group_size * item_size(out) + guard_bytes, guard);
      scalar::decode(layout, in.in(), groups, out, expected.data() + 1);
      test::on_every_target([&] {
        test::FloatBytes actual(expected.size(), guard);
        simd::decode(layout, in.in(), groups, out, actual.data() + 1);
        EXPECT_TRUE(actual == expected) << groups << " groups to " << name(out);
      });
    }
  }
}

TEST(ConvertKernels, AgreeWithTheScalarCode) {
  // Every value of the narrow types, and floats close to where the rounding of one of them turns.
  std::vector<float> turns;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    for (const float value : {f16_to_f32(static_cast<std::uint16_t>(bits)), bf16_to_f32(static_cast<std::uint16_t>(bits))}) {
      for (const std::uint32_t offset : {0U, 1U, 0xFFFU, 0x1000U, 0x1001U, 0x7FFFU, 0x8000U, 0x8001U}) {
        turns.push_back(std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) + offset));
      }
    }
  }
  turns.push_back(1.0F);  // an odd number: the last vector is not full
  for (const Dtype from : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    const auto in = test::to_bytes(from, turns);
    for (const Dtype to : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
      if (from == to) continue;
      test::FloatBytes expected(turns.size() * item_size(to) + guard_bytes, guard);
      const std::uint64_t overflows = scalar::convert(from, to, in.data(), turns.size(), expected.data());
      test::on_every_target([&] {
        test::FloatBytes actual(expected.size(), guard);
        EXPECT_EQ(simd::convert(from, to, in.data(), turns.size(), actual.data()), overflows);
        EXPECT_TRUE(actual == expected) << name(from) << " to " << name(to);
      });
    }
  }
}

TEST(CompareKernels, SumOverAllElements) {
  for (const Dtype dtype : {Dtype::F16, Dtype::BF16, Dtype::F32}) {
    std::vector<float> signal(1003, 2.0F);
    std::vector<float> decoded(1003, 1.75F);
    signal[501] = -8.0F;
    decoded[1002] = 3.0F;
    test::on_every_target([&] {
      const auto difference =
          simd::compare(dtype, test::to_bytes(dtype, signal).data(), test::to_bytes(dtype, decoded).data(), 1003);
      EXPECT_EQ(difference.max_abs, 9.75);
      EXPECT_EQ(difference.sum_sq_error, 1001 * 0.0625 + 9.75 * 9.75 + 1.0);
      EXPECT_EQ(difference.sum_sq_signal, 1002 * 4.0 + 64.0);
    });
  }
}

TEST(Targets, CanBeForcedAndDisabled) {
  hwy::SetSupportedTargetsForTest(0);
  const auto best = hwy::SupportedAndGeneratedTargets().front();
  hwy::SetSupportedTargetsForTest(HWY_STATIC_TARGET);
  EXPECT_EQ(hwy::SupportedTargets(), HWY_STATIC_TARGET);
  hwy::SetSupportedTargetsForTest(0);
  EXPECT_EQ(hwy::SupportedTargets() & best, best);
  // There is always one to call.
  hwy::DisableTargets(~std::int64_t{0});
  EXPECT_EQ(hwy::SupportedTargets(), HWY_STATIC_TARGET);
  hwy::DisableTargets(0);
}

}  // namespace

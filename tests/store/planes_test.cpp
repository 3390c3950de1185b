// Byte planes: the same bits, whole and in parts, and nothing believed of what says how they were packed.
#include "store/planes.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>

#include "kvcache/error.h"

namespace {

using namespace kvcache;
using namespace kvcache::store::detail;

constexpr Shape::value_type heads = 3, rows = 64, dim = 40;

std::vector<std::byte> bytes_of(const Tensor& tensor) {
  std::vector<std::byte> out(tensor.nbytes());
  tensor.read(0, out);
  return out;
}

/// Values around one, as the upper bytes of F32: what keys and values look like.
Tensor smooth(Dtype dtype) {
  const std::size_t item = item_size(dtype);
  std::mt19937 random(7);
  std::normal_distribution<float> normal(1, 0.3F);
  std::vector<std::byte> bytes;
  for (int i = 0; i < heads * rows * dim; ++i) {
    const float value = normal(random);
    std::array<std::byte, 4> raw{};
    std::memcpy(raw.data(), &value, 4);
    bytes.insert(bytes.end(), raw.begin() + static_cast<std::ptrdiff_t>(4 - item), raw.end());
  }
  return Tensor::of_bytes(dtype, {1, heads, rows, dim}, std::move(bytes));
}

Tensor noise(Dtype dtype, const Shape& shape) {
  std::mt19937 random(8);
  std::vector<std::byte> bytes(
      static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>())) *
      item_size(dtype));
  for (std::byte& one : bytes) one = static_cast<std::byte>(random());
  return Tensor::of_bytes(dtype, shape, std::move(bytes));
}

TEST(Planes, GiveTheSameBitsBackWholeAndInParts) {
  for (const Dtype dtype : {Dtype::BF16, Dtype::F16, Dtype::F32}) {
    const std::vector<Tensor> arrays = {smooth(dtype), noise(dtype, {1, heads, rows, dim}), smooth(dtype)};
    const auto packed = pack_rows(arrays);
    ASSERT_TRUE(packed) << name(dtype);
    EXPECT_LT(packed->arrays[0].nbytes(), arrays[0].nbytes() * 95 / 100) << name(dtype);
    EXPECT_EQ(packed->arrays[1].nbytes(), arrays[1].nbytes()) << "noise stays as it is";
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const Tensor again = unpack_rows(packed->facts, packed->arrays, i, dtype, arrays[i].shape());
      EXPECT_EQ(bytes_of(again), bytes_of(arrays[i])) << name(dtype) << ' ' << i;
      EXPECT_EQ(bytes_of(again.slice(2, 3, 61)), bytes_of(arrays[i].slice(2, 3, 61))) << name(dtype) << ' ' << i;
    }
  }
}

TEST(Planes, StayAwayWhereItIsNotWorthIt) {
  EXPECT_FALSE(pack_rows({noise(Dtype::BF16, {1, heads, rows, dim})}));
  // Codes of quantized values, and scales that would shrink.
  EXPECT_FALSE(pack_rows({noise(Dtype::U32, {1, heads, rows, 64 * dim}), smooth(Dtype::BF16)}));
}

TEST(Planes, WhatDoesNotFitIsUnreadable) {
  const Tensor array = smooth(Dtype::BF16);
  const auto packed = pack_rows({array});
  ASSERT_TRUE(packed);
  const auto refused = [&](const std::string& facts, const std::vector<Tensor>& stored) {
    try {
      bytes_of(unpack_rows(facts, stored, 0, Dtype::BF16, array.shape()));
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::unreadable;
    }
  };
  EXPECT_FALSE(refused(packed->facts, packed->arrays));
  // Sizes whose sum comes round to what is there.
  const std::string round =
      "[{\"frames\":[18446744073709551615," + std::to_string(packed->arrays[0].nbytes() + 1) + ",0,0,0,0]}]";
  for (const std::string& facts : {std::string(), std::string("[]"), std::string("[{}]"), std::string("[null]"),
                                   std::string(R"([{"frames":[1,2,3]}])"), std::string(R"([{"frames":"x"}])"), round})
    EXPECT_TRUE(refused(facts, packed->arrays)) << facts;
  std::vector<std::byte> bytes = bytes_of(packed->arrays[0]);
  // The frame of the first head's upper bytes begins behind its lower ones, which are kept as they are.
  const std::size_t frame = static_cast<std::size_t>(rows * dim);
  for (std::size_t i = 0; i < 8; ++i) bytes[frame + i] ^= std::byte{0x5A};
  const auto size = static_cast<std::int64_t>(bytes.size());
  EXPECT_TRUE(refused(packed->facts, {Tensor::of_bytes(Dtype::U8, {1, size}, bytes)}));
  bytes.pop_back();
  EXPECT_TRUE(refused(packed->facts, {Tensor::of_bytes(Dtype::U8, {1, size - 1}, bytes)}));
}

}  // namespace

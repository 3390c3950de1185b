// The structural operations: small examples to read, then each against the naive model on random shapes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "operations.h"
#include "twins.h"

namespace test {
namespace {

TEST(Structure, SliceCutsAlongAnAxis) {
  const Tensor t = iota({2, 3});
  EXPECT_EQ(t.slice(1, 1, 3).integers(), (Ints{1, 2, 4, 5}));
  EXPECT_EQ(t.slice(-1, 1, 3).shape(), (Shape{2, 2}));
  EXPECT_EQ(t.slice(0, 1, 2).integers(), (Ints{3, 4, 5}));
  EXPECT_EQ(t.slice(0, 1, 1).shape(), (Shape{0, 3}));
}

TEST(Structure, TakePicksInAnyOrderAndRepeats) {
  EXPECT_EQ(iota({2, 3}).take(1, Ints{2, 0, 0, 1}).integers(), (Ints{2, 0, 0, 1, 5, 3, 3, 4}));
  EXPECT_EQ(iota({3}).take(0, Ints{}).shape(), (Shape{0}));
}

TEST(Structure, PadSurroundsWithZeros) {
  EXPECT_EQ(iota({2, 2}).pad(1, 1, 2).integers(), (Ints{0, 0, 1, 0, 0, 0, 2, 3, 0, 0}));
  EXPECT_EQ(iota({0, 2}).pad(0, 1, 1).integers(), (Ints{0, 0, 0, 0}));
}

TEST(Structure, RollMovesToTheRightAndWraps) {
  EXPECT_EQ(iota({5}).roll(0, 2).integers(), (Ints{3, 4, 0, 1, 2}));
  EXPECT_EQ(iota({5}).roll(0, -1).integers(), (Ints{1, 2, 3, 4, 0}));
  EXPECT_EQ(iota({5}).roll(0, std::numeric_limits<std::int64_t>::min()).integers(), iota({5}).roll(0, -3).integers());
}

TEST(Structure, RollEachHasAShiftForEverySequence) {
  EXPECT_EQ(iota({2, 3}).roll_each(1, Ints{1, -1}).integers(), (Ints{2, 0, 1, 4, 5, 3}));
}

TEST(Structure, ReshapeKeepsTheOrder) {
  const Tensor t = iota({2, 3}).reshape({3, 1, 2});
  EXPECT_EQ(t.shape(), (Shape{3, 1, 2}));
  EXPECT_EQ(t.integers(), (Ints{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(iota({1, 1}).reshape({}).rank(), 0U);
}

TEST(Structure, ConcatenateJoinsAlongAnAxis) {
  const Tensor t = concatenate({iota({2, 1}), iota({2, 0}), iota({2, 2})}, 1);
  EXPECT_EQ(t.shape(), (Shape{2, 3}));
  EXPECT_EQ(t.integers(), (Ints{0, 0, 1, 1, 2, 3}));
}

TEST(Structure, ConcatenateOfMany) {
  std::vector<Tensor> parts;
  Ints expected;
  for (std::int32_t i = 0; i < 1000; ++i) {
    parts.push_back(Tensor::of_i32(std::vector{i, -i}));
    expected.insert(expected.end(), {i, -i});
  }
  EXPECT_EQ(concatenate(parts, 0).integers(), expected);
}

TEST(Structure, WithoutElementsShapesOfAnySizeWork) {
  const std::int64_t huge = kvcache::max_dim;
  const Tensor t = Tensor::zeros(Dtype::BF16, {huge, huge, huge, 0});
  EXPECT_EQ(t.nbytes(), 0U);
  EXPECT_EQ(t.slice(0, 5, 7).shape(), (Shape{2, huge, huge, 0}));
  EXPECT_EQ(t.roll(1, 3).shape(), t.shape());
  EXPECT_EQ(t.take(2, Ints{4, 4}).shape(), (Shape{huge, huge, 2, 0}));
  EXPECT_EQ(concatenate({t, t}, 3).shape(), t.shape());
  EXPECT_TRUE(read_all(t).empty());
}

TEST(Structure, ScalarsHaveOneElement) {
  const Tensor t = Tensor::of_bytes(Dtype::F32, {}, some_bytes(4));
  EXPECT_EQ(t.elements(), 1U);
  EXPECT_EQ(read_all(t), some_bytes(4));
  EXPECT_EQ(t.reshape({1}).pad(0, 1, 0).nbytes(), 8U);
}

RC_GTEST_PROP(StructureProperty, Slice, ()) {
  RC_ASSERT(agree(random_slice(random_leaf())));
}
RC_GTEST_PROP(StructureProperty, Take, ()) {
  RC_ASSERT(agree(random_take(random_leaf())));
}
RC_GTEST_PROP(StructureProperty, Pad, ()) {
  RC_ASSERT(agree(random_pad(random_leaf())));
}
RC_GTEST_PROP(StructureProperty, Roll, ()) {
  RC_ASSERT(agree(random_roll(random_leaf())));
}
RC_GTEST_PROP(StructureProperty, RollEach, ()) {
  RC_ASSERT(agree(random_roll_each(random_leaf())));
}
RC_GTEST_PROP(StructureProperty, Concatenate, ()) {
  RC_ASSERT(agree(random_concatenate(random_leaf())));
}
RC_GTEST_PROP(StructureProperty, Reshape, ()) {
  RC_ASSERT(agree(random_reshape(random_leaf())));
}

}  // namespace
}  // namespace test

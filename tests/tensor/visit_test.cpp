// Which runs of bytes a tensor consists of, whole and in part.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "operations.h"
#include "twins.h"

namespace test {
namespace {

Tensor in_file(const std::shared_ptr<FakeFile>& file, std::uint64_t offset, Shape shape) {
  return Tensor::stored(file, offset, Dtype::U8, std::move(shape));
}

TEST(Visit, SliceOfTheTokenAxisIsOneRunPerHead) {
  const auto file = std::make_shared<FakeFile>(some_bytes(200));
  const auto runs = extents_of(in_file(file, 20, {1, 2, 8, 4}).slice(2, 0, 3));
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].source, file.get());
  EXPECT_EQ(runs[0].offset, 20U);
  EXPECT_EQ(runs[0].length, 12U);
  EXPECT_EQ(runs[1].offset, 20U + 32U);
}

TEST(Visit, PartialRangeStartsAndEndsWithinRuns) {
  const auto file = std::make_shared<FakeFile>(some_bytes(200));
  const auto runs = extents_of(in_file(file, 0, {2, 8, 4}).slice(1, 2, 4), 5, 10);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].offset, 8U + 5U);
  EXPECT_EQ(runs[0].length, 3U);
  EXPECT_EQ(runs[1].offset, 32U + 8U);
  EXPECT_EQ(runs[1].length, 2U);
}

TEST(Visit, WhatContinuesInTheFileIsOneRun) {
  const auto file = std::make_shared<FakeFile>(some_bytes(100));
  const Tensor t = in_file(file, 10, {8, 4});
  EXPECT_EQ(extents_of(concatenate({t.slice(0, 0, 3), t.slice(0, 3, 8)}, 0)).size(), 1U);
  EXPECT_EQ(extents_of(t.take(0, Ints{0, 1, 2, 3, 5})).size(), 2U);
  EXPECT_EQ(extents_of(t.roll(0, 3)).size(), 2U);
  EXPECT_EQ(extents_of(concatenate({t, in_file(file, 42, {2, 4})}, 0)).size(), 1U) << "two tensors, adjacent in the file";
}

TEST(Visit, DifferentSourcesAreNeverJoined) {
  const Tensor a = in_file(std::make_shared<FakeFile>(some_bytes(8)), 0, {4});
  const Tensor b = in_file(std::make_shared<FakeFile>(some_bytes(8)), 4, {4});
  EXPECT_EQ(extents_of(concatenate({a, b}, 0)).size(), 2U);
}

TEST(Visit, DifferentOutputsAndComputationsAreNeverJoined) {
  const auto make = [] { return std::make_shared<FakeComputation>(4, std::vector<Bytes>{some_bytes(8), some_bytes(8)}); };
  const auto computation = make();
  const Tensor first = Tensor::computed(computation, 0, Dtype::U8, {8}).slice(0, 0, 4);
  EXPECT_EQ(extents_of(concatenate({first, Tensor::computed(computation, 1, Dtype::U8, {8}).slice(0, 4, 8)}, 0)).size(), 2U);
  EXPECT_EQ(extents_of(concatenate({first, Tensor::computed(make(), 0, Dtype::U8, {8}).slice(0, 4, 8)}, 0)).size(), 2U);
}

TEST(Visit, NeighbouringZerosAreOneRun) {
  const auto runs = extents_of(iota({1, 4}).pad(0, 1, 0).pad(0, 2, 0));
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].kind, Extent::Kind::zeros);
  EXPECT_EQ(runs[0].length, 48U);
}

TEST(Visit, ComputedRunsNameTheOutput) {
  const auto computation = std::make_shared<FakeComputation>(4, std::vector<Bytes>{some_bytes(32), some_bytes(8)});
  const auto runs = extents_of(Tensor::computed(computation, 1, Dtype::U8, {4, 2}).slice(0, 1, 3));
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].kind, Extent::Kind::computed);
  EXPECT_EQ(runs[0].computation, computation.get());
  EXPECT_EQ(runs[0].output, 1U);
  EXPECT_EQ(runs[0].offset, 2U);
  EXPECT_EQ(runs[0].length, 4U);
}

TEST(Visit, TrivialOperationsLeaveOneRun) {
  const Tensor t = in_file(std::make_shared<FakeFile>(some_bytes(64)), 0, {2, 4, 8});
  const Tensor same = concatenate({t.slice(1, 0, 4).roll(1, 4).pad(2, 0, 0).roll_each(1, Ints{0, -8})}, 2);
  EXPECT_EQ(extents_of(same.take(0, Ints{0, 1})).size(), 1U);
}

TEST(Visit, EmptyRangeHasNoRuns) {
  EXPECT_TRUE(extents_of(iota({3}), 4, 4).empty());
  EXPECT_TRUE(extents_of(iota({0})).empty());
}

TEST(Visit, ManyOperationsOnATerabyteCostNothing) {
  const Tensor t = Tensor::zeros(Dtype::BF16, {1024, 64, 1 << 16, 128}).roll(2, 77).slice(2, 5, 60000);
  const auto runs = extents_of(t, t.nbytes() - 10, t.nbytes());
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].length, 10U);
}

RC_GTEST_PROP(VisitProperty, CompositionsAgreeWithTheModelInEveryRange, ()) {
  Twins twins = random_leaf();
  const int operations = *rc::gen::inRange(1, 8);
  // Padding and repeating multiply: stay small enough for the naive model.
  for (int i = 0; i < operations && twins.eager.bytes.size() < 4000; ++i) twins = random_operation(twins);
  RC_ASSERT(agree(twins));

  const auto begin = *rc::gen::inRange<std::size_t>(0, twins.eager.bytes.size() + 1);
  const auto end = *rc::gen::inRange<std::size_t>(begin, twins.eager.bytes.size() + 1);
  Bytes part(end - begin);
  twins.lazy.read(begin, part);
  RC_ASSERT(std::equal(part.begin(), part.end(), twins.eager.bytes.begin() + static_cast<std::ptrdiff_t>(begin)));

  std::uint64_t visited = 0;
  for (const Extent& extent : extents_of(twins.lazy, begin, end)) {
    RC_ASSERT(extent.length > 0U);
    visited += extent.length;
  }
  RC_ASSERT(visited == end - begin);
}

}  // namespace
}  // namespace test

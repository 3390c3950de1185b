// A shape behaves as a vector of its dimensions does, few or many.
#include "kvcache/shape.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <utility>
#include <vector>

namespace {

using kvcache::Shape;
using Dims = std::vector<std::int64_t>;

Dims dims_of(const Shape& shape) {
  return {shape.begin(), shape.end()};
}

TEST(Shape, MovedFromIsEmpty) {
  for (Shape shape : {Shape{1, 2}, Shape{1, 2, 3, 4, 5, 6}}) {
    const Dims before = dims_of(shape);
    const Shape taken = std::move(shape);
    EXPECT_EQ(dims_of(taken), before);
    EXPECT_TRUE(shape.empty());  // NOLINT(bugprone-use-after-move): what a vector promises as well
    shape = {7};
    EXPECT_EQ(shape, Shape{7});
  }
}

TEST(Shape, AssignsFewOverManyAndItself) {
  Shape shape(6, 2);
  const Shape few{1, 2};
  shape = few;
  EXPECT_EQ(shape, few);
  const Shape& same = shape;
  shape = same;
  EXPECT_EQ(shape, few);
  shape = Shape(9, 3);
  EXPECT_EQ(dims_of(shape), Dims(9, 3));
}

RC_GTEST_PROP(Shape, DoesWhatAVectorDoes, ()) {
  Dims expected;
  Shape shape;
  const int steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    const auto dim = *rc::gen::inRange<std::int64_t>(0, 9);
    const auto at = *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(expected.size()) + 1);
    Shape::iterator next = nullptr;
    switch (*rc::gen::inRange(0, 7)) {
      case 0:
        expected.push_back(dim);
        shape.push_back(dim);
        break;
      case 1:
        next = shape.insert(shape.begin() + at, dim);
        RC_ASSERT(next - shape.begin() == at);
        expected.insert(expected.begin() + at, dim);
        break;
      case 2: {
        const Dims more(static_cast<std::size_t>(dim), at);
        expected.insert(expected.begin() + at, more.begin(), more.end());
        shape.insert(shape.begin() + at, more.begin(), more.end());
        break;
      }
      case 3:
        if (static_cast<std::size_t>(at) == expected.size()) break;
        expected.erase(expected.begin() + at);
        next = shape.erase(shape.begin() + at);
        RC_ASSERT(next - shape.begin() == at);
        break;
      case 4:
        expected.resize(static_cast<std::size_t>(dim), at);
        shape.resize(static_cast<std::size_t>(dim), at);
        break;
      case 5: {
        const Shape copy = shape;
        shape.clear();
        RC_ASSERT(shape.empty());
        shape = copy;
        break;
      }
      default:
        shape = Shape(expected.begin(), expected.end());
    }
    RC_ASSERT(dims_of(shape) == expected);
    RC_ASSERT(shape.size() == expected.size());
    RC_ASSERT(shape == Shape(std::span<const std::int64_t>(expected)));
    if (!expected.empty()) RC_ASSERT(shape.front() == expected.front() && shape.back() == expected.back());
  }
}

}  // namespace

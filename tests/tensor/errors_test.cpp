// What tensors refuse, and that the message says what was wrong.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>

#include "twins.h"

namespace test {
namespace {

using kvcache::Error;
using kvcache::ErrorKind;

// Kind and message of the error that `action` throws.
template <typename Action>
std::pair<ErrorKind, std::string> error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  ADD_FAILURE() << "no error was thrown";
  return {};
}

#define EXPECT_REFUSES(expected_kind, text, ...)                         \
  do {                                                                   \
    const auto [kind, message] = error_of([&] { (void)(__VA_ARGS__); }); \
    EXPECT_EQ(kind, ErrorKind::expected_kind) << message;                \
    EXPECT_NE(message.find(text), std::string::npos) << message;         \
  } while (false)

TEST(Errors, AbsentTensorsHaveNothing) {
  const Tensor absent{};
  EXPECT_FALSE(absent.defined());
  EXPECT_REFUSES(usage, "absent", absent.dtype());
  EXPECT_REFUSES(usage, "absent", absent.nbytes());
  EXPECT_REFUSES(usage, "absent", absent.dim(0));
  EXPECT_REFUSES(usage, "absent", absent.slice(0, 0, 0));
  EXPECT_REFUSES(usage, "absent", absent.reshape({1}));
  EXPECT_REFUSES(usage, "absent", absent.integers());
  EXPECT_REFUSES(usage, "absent", read_all(absent));
  EXPECT_REFUSES(usage, "absent", concatenate({iota({1}), absent}, 0));
}

TEST(Errors, Axis) {
  const Tensor t = iota({2, 3});
  EXPECT_REFUSES(usage, "axis 2 in shape [2, 3]", t.dim(2));
  EXPECT_REFUSES(usage, "axis -3 in shape [2, 3]", t.slice(-3, 0, 1));
  EXPECT_REFUSES(usage, "axis 0 in shape []", t.slice(0, 0, 1).slice(1, 0, 1).reshape({}).roll(0, 1));
}

TEST(Errors, Ranges) {
  const Tensor t = iota({2, 3});
  EXPECT_REFUSES(usage, "1..4 is not within axis 1 of [2, 3]", t.slice(1, 1, 4));
  EXPECT_REFUSES(usage, "2..1", t.slice(1, 2, 1));
  EXPECT_REFUSES(usage, "-1..1", t.slice(1, -1, 1));
  EXPECT_REFUSES(usage, "index 3 is not within axis 1 of [2, 3]", t.take(1, Ints{0, 3}));
  EXPECT_REFUSES(usage, "index -1", t.take(1, Ints{-1}));
  EXPECT_REFUSES(usage, "-2 and 0", t.pad(1, -2, 0));
  EXPECT_REFUSES(usage, "3 shifts do not fit axis 0 of [2, 3]", t.roll_each(1, Ints{1, 2, 3}));
  EXPECT_REFUSES(usage, "axis 0", t.roll_each(0, Ints{1, 2}));
}

TEST(Errors, ShapesThatDoNotFitTogether) {
  EXPECT_REFUSES(usage, "[2, 3] to [4, 2]", iota({2, 3}).reshape({4, 2}));
  EXPECT_REFUSES(usage, "[2, 3] with [3, 3] along axis 1", concatenate({iota({2, 3}), iota({3, 3})}, 1));
  EXPECT_REFUSES(usage, "[2, 3] with [6]", concatenate({iota({2, 3}), iota({6})}, 0));
  EXPECT_REFUSES(usage, "[2, 3] with [2] along axis 1", concatenate({iota({2, 3}), iota({2})}, 1));
  EXPECT_REFUSES(usage, "I32 with F32", concatenate({iota({2}), Tensor::zeros(Dtype::F32, {2})}, 0));
  EXPECT_REFUSES(usage, "at least one", concatenate({}, 0));
}

TEST(Errors, SizesThatOverflow) {
  const std::int64_t huge = kvcache::max_dim;
  EXPECT_REFUSES(usage, "BF16 [2147483647, 2147483647, 2]", Tensor::zeros(Dtype::BF16, {huge, huge, 2}));
  EXPECT_REFUSES(usage, "2^63", Tensor::zeros(Dtype::U8, {huge, huge, huge}));
  EXPECT_REFUSES(usage, "outside 0..2147483647", Tensor::zeros(Dtype::U8, {huge + 1}));
  EXPECT_REFUSES(usage, "outside 0..2147483647", Tensor::zeros(Dtype::U8, {-1}));
  EXPECT_REFUSES(usage, "33 dimensions", Tensor::zeros(Dtype::U8, Shape(33, 1)));
  EXPECT_REFUSES(usage, "outside", iota({1}).pad(0, 0, huge));
  EXPECT_REFUSES(usage, "outside", iota({1}).pad(0, std::numeric_limits<std::int64_t>::max(), 0));
  EXPECT_REFUSES(usage, "2^63", Tensor::zeros(Dtype::U8, {0, huge, huge, huge}).pad(0, 1, 0));
}

TEST(Errors, BytesThatAreNotThere) {
  const auto file = std::make_shared<FakeFile>(some_bytes(10));
  EXPECT_REFUSES(unreadable, "past the end at 10", Tensor::stored(file, 7, Dtype::BF16, {2}));
  EXPECT_REFUSES(unreadable, "offset 11", Tensor::stored(file, 11, Dtype::BF16, {0}));
  EXPECT_REFUSES(unreadable, "past the end", Tensor::stored(file, std::numeric_limits<std::uint64_t>::max(), Dtype::BF16, {2}));
  EXPECT_REFUSES(usage, "8 bytes, but 10 were given", Tensor::of_bytes(Dtype::F32, {2}, some_bytes(10)));
  EXPECT_REFUSES(usage, "needs a source", Tensor::stored(nullptr, 0, Dtype::BF16, {2}));
}

TEST(Errors, ComputationsThatDoNotFit) {
  const auto computation = std::make_shared<FakeComputation>(3, std::vector<Bytes>{some_bytes(12)});
  EXPECT_REFUSES(usage, "3 units of 4 bytes", Tensor::computed(computation, 0, Dtype::F32, {4}));
  EXPECT_REFUSES(usage, "no output 1", Tensor::computed(computation, 1, Dtype::F32, {3}));
  EXPECT_REFUSES(usage, "needs a computation", Tensor::computed(nullptr, 0, Dtype::F32, {3}));
}

TEST(Errors, ReadingOutside) {
  const Tensor t = iota({2});
  Bytes out(4);
  EXPECT_REFUSES(usage, "4 bytes at 5 are not within the 8 bytes of I32 [2]", (t.read(5, out), 0));
  EXPECT_REFUSES(usage, "not within", (t.read(std::numeric_limits<std::uint64_t>::max(), out), 0));
  EXPECT_REFUSES(usage, "6..9", extents_of(t, 6, 9).size());
  EXPECT_REFUSES(usage, "3..2", extents_of(t, 3, 2).size());
}

TEST(Errors, IntegersOfSomethingElse) {
  EXPECT_REFUSES(impossible, "BF16 [2]", Tensor::zeros(Dtype::BF16, {2}).integers());
  EXPECT_REFUSES(impossible, "more than the 4", iota({5}).integers(4));
  EXPECT_REFUSES(impossible, "more than", Tensor::zeros(Dtype::I64, {kvcache::max_dim}).integers());
}

}  // namespace
}  // namespace test

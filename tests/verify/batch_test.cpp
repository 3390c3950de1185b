// KV451 to KV453 of left-padded batches, KV461 to KV466 of batched windows, KV441 of recurrent state.
#include <gtest/gtest.h>

#include <limits>

#include "support/places.h"

namespace {

using kvcache::Int32s;

constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min();

// Ten rows.
std::string check_batch(Int32s offset, Int32s left_padding) {
  const auto batch = static_cast<std::int64_t>(offset.size());
  return test::check<kvcache::BatchKVCache>({.keys = test::zeros({batch, 2, 10, 8}),
                                             .values = test::zeros({batch, 2, 10, 8}),
                                             .offset = std::move(offset),
                                             .left_padding = std::move(left_padding)});
}

TEST(Batch, OffsetAndPaddingFillTheRows) {
  EXPECT_EQ(check_batch({10, 7, 3}, {0, 3, 7}), "");
  EXPECT_EQ(check_batch({0, 10}, {10, 0}), "") << "one sequence is all padding";
  EXPECT_EQ(check_batch({10, 7, 4}, {0, 3, 7}), "KV451");
}

TEST(Batch, PaddingIsNotNegative) {
  EXPECT_EQ(check_batch({11, 7}, {-1, 3}), "KV452");
  EXPECT_EQ(check_batch({most, 7}, {10 - most, 3}), "KV452") << "the sum is right, the padding absurd";
  EXPECT_EQ(check_batch({least, 7}, {least, 3}), "KV452") << "a 32-bit sum would wrap to 0";
}

TEST(Batch, TrimmedPastASequence) {
  EXPECT_EQ(check_batch({-1, 7}, {11, 3}), "KV453");
}

struct Window {
  std::int64_t max_size, total, idx, rows;
  bool rotated;
  Int32s offset;
};

std::string check_window(const Window& w) {
  const auto batch = static_cast<std::int64_t>(w.offset.size());
  return test::check<kvcache::BatchRotatingKVCache>({.keys = test::zeros({batch, 2, w.rows, 8}),
                                                     .values = test::zeros({batch, 2, w.rows, 8}),
                                                     .offset = w.offset,
                                                     .left_padding = Int32s(w.offset.size()),
                                                     .max_size = w.max_size,
                                                     .total = w.total,
                                                     .idx = w.idx,
                                                     .rotated = w.rotated});
}

TEST(BatchRotating, LegalStates) {
  EXPECT_EQ(check_window({.max_size = 16, .total = 10, .idx = 10, .rows = 10, .rotated = false, .offset = {10}}), "");
  EXPECT_EQ(check_window({.max_size = 8, .total = 20, .idx = 1, .rows = 8, .rotated = true, .offset = {8}}), "");
  EXPECT_EQ(check_window({.max_size = 8, .total = 12, .idx = 12, .rows = 12, .rotated = false, .offset = {12}}), "");
  EXPECT_EQ(check_window({.max_size = 8, .total = 8, .idx = 8, .rows = 8, .rotated = false, .offset = {30}}), "")
      << "merged from a wrapped window";
  EXPECT_EQ(check_window({.max_size = 8, .total = 10, .idx = 5, .rows = 5, .rotated = false, .offset = {5}}), "")
      << "nothing says that a batch which has seen more tokens holds them all";
}

TEST(BatchRotating, BrokenStates) {
  EXPECT_EQ(check_window({.max_size = 0, .total = 20, .idx = 8, .rows = 8, .rotated = false, .offset = {8}}), "KV466");
  EXPECT_EQ(check_window({.max_size = 8, .total = 20, .idx = 9, .rows = 8, .rotated = true, .offset = {8}}), "KV461");
  EXPECT_EQ(check_window({.max_size = 8, .total = 10, .idx = 12, .rows = 12, .rotated = false, .offset = {12}}), "KV461");
  EXPECT_EQ(check_window({.max_size = 8, .total = 20, .idx = 5, .rows = 10, .rotated = true, .offset = {10}}), "KV462");
  EXPECT_EQ(check_window({.max_size = 8, .total = 20, .idx = 0, .rows = 8, .rotated = true, .offset = {8}}), "KV462");
  EXPECT_EQ(check_window({.max_size = 8, .total = 20, .idx = 6, .rows = 8, .rotated = false, .offset = {8}}), "KV463");
  EXPECT_EQ(check_window({.max_size = 16, .total = 10, .idx = 8, .rows = 8, .rotated = false, .offset = {8}}), "KV464");
  EXPECT_EQ(check_window({.max_size = 8, .total = 20, .idx = 8, .rows = 8, .rotated = true, .offset = {8, 7}}), "KV465");
}

std::string check_slots(kvcache::ArraysCache::State state) {
  return test::check<kvcache::ArraysCache>(std::move(state));
}

TEST(Arrays, EverythingIsForOneBatch) {
  EXPECT_EQ(check_slots({.slots = {test::zeros({2, 3}), {}, test::zeros({2})}, .left_padding = Int32s{-3, 0}, .lengths = {}}),
            "");
  EXPECT_EQ(check_slots({.slots = {test::zeros({2, 3}), test::zeros({3, 3})}, .left_padding = {}, .lengths = {}}), "KV441");
  EXPECT_EQ(check_slots({.slots = {test::zeros({2, 3})}, .left_padding = Int32s{0, 0, 0}, .lengths = {}}), "KV441");
  EXPECT_EQ(check_slots({.slots = {test::zeros({2, 3})}, .left_padding = {}, .lengths = Int32s{5}}), "KV441");
  EXPECT_EQ(check_slots({.slots = {test::zeros({})}, .left_padding = {}, .lengths = {}}), "KV441") << "a scalar has no batch";
}

}  // namespace

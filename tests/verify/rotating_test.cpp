// KV411 to KV414: the states a RotatingKVCache can be in.
#include <gtest/gtest.h>

#include "support/places.h"

namespace {

struct Ring {
  std::int64_t keep, max_size, offset, idx, rows;
};

std::string check(const Ring& ring) {
  return test::check<kvcache::RotatingKVCache>({.keys = test::zeros({1, 2, ring.rows, 8}),
                                                .values = test::zeros({1, 2, ring.rows, 8}),
                                                .keep = ring.keep,
                                                .max_size = ring.max_size,
                                                .offset = ring.offset,
                                                .idx = ring.idx,
                                                .origin = {}});
}

TEST(Rotating, LegalStates) {
  EXPECT_EQ(check({.keep = 4, .max_size = 16, .offset = 6, .idx = 6, .rows = 6}), "") << "not yet full";
  EXPECT_EQ(check({.keep = 2, .max_size = 8, .offset = 8, .idx = 8, .rows = 8}), "") << "just full";
  EXPECT_EQ(check({.keep = 4, .max_size = 8, .offset = 20, .idx = 5, .rows = 8}), "") << "wrapped";
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 20, .idx = 8, .rows = 8}), "") << "wrapped, in temporal order";
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 12, .idx = 12, .rows = 12}), "") << "a prompt longer than the window";
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 20, .idx = 11, .rows = 11}), "") << "a second long prompt";
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 0, .idx = 0, .rows = 0}), "") << "all trimmed";
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 2147483647, .idx = 8, .rows = 8}), "") << "a very long conversation";
}

TEST(Rotating, FieldsOutOfRange) {
  EXPECT_EQ(check({.keep = 8, .max_size = 8, .offset = 20, .idx = 8, .rows = 8}), "KV411") << "no room for new tokens";
  EXPECT_EQ(check({.keep = -1, .max_size = 8, .offset = 20, .idx = 8, .rows = 8}), "KV411");
  EXPECT_EQ(check({.keep = 0, .max_size = 0, .offset = 5, .idx = 5, .rows = 5}), "KV411");
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 20, .idx = 9, .rows = 8}), "KV411") << "past the rows";
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 20, .idx = 0, .rows = 8}), "KV411");
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 10, .idx = 12, .rows = 12}), "KV411") << "more rows than tokens";
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 0, .idx = 0, .rows = 3}), "KV411") << "rows of no token";
}

TEST(Rotating, UnfilledWindowHasAllRows) {
  EXPECT_EQ(check({.keep = 0, .max_size = 16, .offset = 10, .idx = 8, .rows = 8}), "KV412");
  EXPECT_EQ(check({.keep = 0, .max_size = 16, .offset = 8, .idx = 7, .rows = 8}), "KV412");
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 8, .idx = 3, .rows = 8}), "KV412") << "nothing evicted, yet wrapped";
}

TEST(Rotating, FullWindowKeepsItsRows) {
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 20, .idx = 7, .rows = 7}), "KV413");
}

TEST(Rotating, OnlyFullRingsWrap) {
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 20, .idx = 9, .rows = 11}), "KV414") << "over-long";
  EXPECT_EQ(check({.keep = 4, .max_size = 8, .offset = 20, .idx = 4, .rows = 8}), "KV414") << "next write hits a pinned row";
}

// mlx-swift-lm since 3.33 says whether the ring is out of temporal order.
std::string check_flagged(const Ring& ring, bool wrapped, std::optional<std::int64_t> reserve = {}) {
  return test::check<kvcache::RotatingKVCache>({.keys = test::zeros({1, 2, ring.rows, 8}),
                                                .values = test::zeros({1, 2, ring.rows, 8}),
                                                .keep = ring.keep,
                                                .max_size = ring.max_size,
                                                .offset = ring.offset,
                                                .idx = ring.idx,
                                                .origin = {},
                                                .wrapped = wrapped,
                                                .reserve = reserve});
}

TEST(Rotating, TokensTakenOffAfterTheWrapLeaveAShortWindow) {
  EXPECT_EQ(check_flagged({.keep = 2, .max_size = 8, .offset = 13, .idx = 6, .rows = 6}, false), "");
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 5, .idx = 3, .rows = 3}, false), "")
      << "offset within the window";
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 8, .idx = 3, .rows = 3}, false), "") << "offset just the window";
  EXPECT_EQ(check_flagged({.keep = 2, .max_size = 8, .offset = 9, .idx = 2, .rows = 2}, false), "")
      << "the pinned ones are left";
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 9, .idx = 0, .rows = 0}, false), "") << "none is left";
  EXPECT_EQ(check_flagged({.keep = 3, .max_size = 8, .offset = 9, .idx = 2, .rows = 2}, false), "KV413")
      << "a pinned one is gone";
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 9, .idx = 4, .rows = 6}, false), "KV414");
  EXPECT_EQ(check_flagged({.keep = 8, .max_size = 8, .offset = 20, .idx = 6, .rows = 6}, false), "KV411") << "R1 stays";
  // Nobody else has such a state.
  EXPECT_EQ(check({.keep = 2, .max_size = 8, .offset = 13, .idx = 6, .rows = 6}), "KV413");
  EXPECT_EQ(check({.keep = 0, .max_size = 8, .offset = 5, .idx = 3, .rows = 3}), "KV412");
}

TEST(Rotating, FlagAndRowsAgree) {
  EXPECT_EQ(check_flagged({.keep = 2, .max_size = 8, .offset = 15, .idx = 3, .rows = 8}, true), "");
  EXPECT_EQ(check_flagged({.keep = 2, .max_size = 8, .offset = 15, .idx = 8, .rows = 8}, true), "")
      << "the last row was just written";
  EXPECT_EQ(check_flagged({.keep = 2, .max_size = 8, .offset = 15, .idx = 8, .rows = 8}, false), "")
      << "which is temporal order";
  EXPECT_EQ(check_flagged({.keep = 2, .max_size = 8, .offset = 15, .idx = 3, .rows = 8}, false), "KV414");
  EXPECT_EQ(check_flagged({.keep = 2, .max_size = 8, .offset = 15, .idx = 2, .rows = 8}, true), "KV414")
      << "next write hits a pinned row";
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 12, .idx = 12, .rows = 12}, true), "KV414") << "over-long";
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 5, .idx = 5, .rows = 5}, true), "KV414") << "not full";
}

TEST(Rotating, AReserveMakesTheRingLarger) {
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 30, .idx = 3, .rows = 12}, true, 4), "");
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 30, .idx = 3, .rows = 8}, true, 4), "KV413");
  EXPECT_EQ(check_flagged({.keep = 0, .max_size = 8, .offset = 30, .idx = 8, .rows = 8}, true, -1), "KV411");
}

}  // namespace

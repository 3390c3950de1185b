// KV431 to KV433, and what follows when nobody knows the offset (KV703).
#include <gtest/gtest.h>

#include "support/places.h"

namespace {

struct Chunk {
  std::optional<std::int64_t> chunk_size;
  std::int64_t start, rows;
  std::optional<std::int64_t> true_offset;
};

std::string check(const Chunk& chunk) {
  return test::check<kvcache::ChunkedKVCache>({.keys = test::zeros({1, 2, chunk.rows, 8}),
                                               .values = test::zeros({1, 2, chunk.rows, 8}),
                                               .chunk_size = chunk.chunk_size,
                                               .start_position = chunk.start,
                                               .true_offset = chunk.true_offset});
}

TEST(Chunked, LegalStates) {
  EXPECT_EQ(check({.chunk_size = 32, .start = 0, .rows = 12, .true_offset = {}}), "");
  EXPECT_EQ(check({.chunk_size = 32, .start = 0, .rows = 40, .true_offset = 40}), "");
  EXPECT_EQ(check({.chunk_size = 32, .start = 8, .rows = 40, .true_offset = 40}), "") << "padded to the offset";
  EXPECT_EQ(check({.chunk_size = 32, .start = 40, .rows = 40, .true_offset = 40}), "") << "no live token";
}

TEST(Chunked, Fields) {
  EXPECT_EQ(check({.chunk_size = 0, .start = 0, .rows = 40, .true_offset = 40}), "KV431");
  EXPECT_EQ(check({.chunk_size = 32, .start = -1, .rows = 40, .true_offset = 40}), "KV431");
}

TEST(Chunked, EveryLoaderTakesTheRowsForTheOffset) {
  EXPECT_EQ(check({.chunk_size = 32, .start = 8, .rows = 32, .true_offset = 40}), "KV432");
}

TEST(Chunked, ImpossibleRows) {
  EXPECT_EQ(check({.chunk_size = 32, .start = 41, .rows = 40, .true_offset = 40}), "KV433");
  EXPECT_EQ(check({.chunk_size = 32, .start = 0, .rows = 30, .true_offset = 40}), "KV433") << "tokens are missing";
  EXPECT_EQ(check({.chunk_size = 32, .start = 41, .rows = 40, .true_offset = {}}), "KV433") << "damage even without a sibling";
}

TEST(Chunked, WithoutArraysNothingWasDropped) {
  const auto unused = [](std::int64_t start) {
    return test::check<kvcache::ChunkedKVCache>(
        {.keys = {}, .values = {}, .chunk_size = 32, .start_position = start, .true_offset = {}});
  };
  EXPECT_EQ(unused(0), "");
  EXPECT_EQ(unused(8), "KV433");
}

TEST(Chunked, UnknownOffset) {
  EXPECT_EQ(check({.chunk_size = 32, .start = 8, .rows = 40, .true_offset = {}}), "KV703");
}

}  // namespace

// What is fetched ahead, and that the bytes are right whatever is announced.
#include "remote/read_ahead.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <stdexcept>

namespace kvcache::remote {
namespace {

std::byte byte_at(std::uint64_t i) {
  return static_cast<std::byte>((i * 7 + i / 251) & 0xFFU);
}

/// A file of bytes that tell where they are, and what was asked of it.
struct Fake {
  std::mutex mutex;
  std::vector<ByteRange> asked;
  ReadAhead::Fetch fetch() {
    return [this](std::uint64_t offset, std::span<std::byte> out, const std::atomic<bool>&) {
      {
        const std::lock_guard lock(mutex);
        asked.push_back({offset, out.size()});
      }
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = byte_at(offset + i);
    };
  }
};

void expect_read(ReadAhead& ahead, std::uint64_t offset, std::size_t size) {
  std::vector<std::byte> out(size);
  ahead.read(offset, out);
  for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(out[i], byte_at(offset + i)) << offset << " + " << i;
}

constexpr std::uint64_t KiB = 1024;

TEST(Pieces, RangesCloseToEachOtherAreOne) {
  const std::array<ByteRange, 3> ranges{{{0, 100}, {150, 50}, {1000, 10}}};
  const auto pieces = plan_pieces(ranges, 0, 2000, 64, 4096);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].range.offset, 0U);
  EXPECT_EQ(pieces[0].range.size, 200U);
  EXPECT_EQ(pieces[0].wanted, 150U);
  EXPECT_EQ(pieces[1].range.offset, 1000U);
}

TEST(Pieces, AreNeitherLongerThanAskedNorBeyondTheEnds) {
  const std::array<ByteRange, 2> ranges{{{0, 1000}, {1990, 100}}};
  std::uint64_t bytes = 0;
  for (const PlannedPiece& piece : plan_pieces(ranges, 500, 2000, 64, 128)) {
    EXPECT_LE(piece.range.size, 128U);
    EXPECT_GE(piece.range.offset, 500U);
    EXPECT_LE(piece.range.offset + piece.range.size, 2000U);
    bytes += piece.range.size;
  }
  EXPECT_EQ(bytes, 510U);
}

TEST(Pieces, KeepTheOrderOfTheirNeed) {
  const std::array<ByteRange, 2> ranges{{{1000, 10}, {0, 10}}};
  const auto pieces = plan_pieces(ranges, 0, 2000, 64, 128);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].range.offset, 1000U);
}

TEST(ReadAhead, FetchesWhatWasAnnouncedOnce) {
  Fake file;
  {
    ReadAhead ahead(file.fetch(), 0, 10'000 * KiB);
    const std::array<ByteRange, 1> all{{{0, 10'000 * KiB}}};
    ahead.plan(all);
    for (std::uint64_t at = 0; at < 10'000 * KiB; at += 100 * KiB) expect_read(ahead, at, 100 * KiB);
  }
  EXPECT_EQ(file.asked.size(), 7U);  // of 1.5 MiB each
}

TEST(ReadAhead, GoesAheadOfWhoeverReadsOn) {
  Fake file;
  {
    ReadAhead ahead(file.fetch(), 0, 20'000 * KiB);
    for (std::uint64_t at = 0; at < 20'000 * KiB; at += 100 * KiB) expect_read(ahead, at, 100 * KiB);
  }
  EXPECT_LT(file.asked.size(), 40U);
}

TEST(ReadAhead, FetchesSmallNeighboursTogether) {
  Fake file;
  ReadAhead ahead(file.fetch(), 100, 1000 * KiB);
  for (std::uint64_t at = 200; at < 60 * KiB; at += 1000) expect_read(ahead, at, 16);
  EXPECT_EQ(file.asked.size(), 1U);
}

TEST(ReadAhead, IsRightWhateverIsAnnouncedAndRead) {
  std::mt19937 random(1);
  for (int round = 0; round < 30; ++round) {
    Fake file;
    const std::uint64_t begin = random() % 100, end = begin + 1 + random() % 100'000;
    ReadAheadLimits limits;
    limits.piece = 1 + random() % 5000;
    limits.window = 1 + random() % 20'000;
    limits.gap = random() % 100;
    limits.block = 1 + random() % 500;
    limits.proof = 100;
    limits.ahead = 1 + random() % 5000;
    ReadAhead ahead(file.fetch(), begin, end, limits);
    const auto range = [&] {
      const std::uint64_t offset = begin + random() % (end - begin);
      return ByteRange{offset, 1 + random() % (end - offset)};
    };
    for (int step = 0; step < 40; ++step) {
      if (random() % 4 == 0) {
        std::vector<ByteRange> ranges(random() % 5);
        for (ByteRange& r : ranges) r = range();
        ahead.plan(ranges);
      }
      const ByteRange wanted = range();
      expect_read(ahead, wanted.offset, std::min<std::uint64_t>(wanted.size, 3000));
    }
  }
}

TEST(ReadAhead, ThrowsWhatFetchingThrows) {
  ReadAhead ahead([](std::uint64_t, std::span<std::byte>, const std::atomic<bool>&) { throw std::runtime_error("no"); }, 0,
                  1000 * KiB);
  const std::array<ByteRange, 1> all{{{0, 1000 * KiB}}};
  ahead.plan(all);
  std::vector<std::byte> out(10);
  EXPECT_THROW(ahead.read(0, out), std::runtime_error);
  EXPECT_THROW(ahead.read(900 * KiB, out), std::runtime_error);
}

}  // namespace
}  // namespace kvcache::remote

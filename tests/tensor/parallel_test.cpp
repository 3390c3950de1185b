#include "tensor/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace kvcache::detail {
namespace {

TEST(ParallelFor, EveryPieceRunsOnce) {
  for (const unsigned threads : {0U, 1U, 2U, 7U}) {
    for (const std::uint64_t count : {0U, 1U, 2U, 1000U}) {
      std::vector<std::atomic<int>> runs(count);
      parallel_for(count, threads, [&](std::uint64_t i) { ++runs[i]; });
      for (const auto& n : runs) ASSERT_EQ(n, 1) << threads << " threads, " << count << " pieces";
    }
  }
}

TEST(ParallelFor, OnePieceOrOneThreadRunsInTheCaller) {
  const auto caller = std::this_thread::get_id();
  parallel_for(1, 8, [&](std::uint64_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
  std::vector<std::uint64_t> order;
  parallel_for(5, 1, [&](std::uint64_t i) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    order.push_back(i);
  });
  EXPECT_EQ(order, (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
}

// Each piece waits until both have begun: this ends only when two threads work at the same time.
TEST(ParallelFor, ThreadsWorkAtTheSameTime) {
  std::atomic<int> begun{0};
  std::mutex mutex;
  std::set<std::thread::id> ids;
  parallel_for(2, 2, [&](std::uint64_t) {
    ++begun;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (begun < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    const std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(ids.size(), 2U);
  EXPECT_TRUE(ids.contains(std::this_thread::get_id())) << "the caller is one of them";
}

TEST(ParallelFor, AFailureStopsWhatHasNotStarted) {
  for (const unsigned threads : {1U, 3U}) {
    std::atomic<std::uint64_t> started{0};
    std::atomic<bool> failed{false};
    EXPECT_THROW(parallel_for(1'000'000, threads,
                              [&](std::uint64_t i) {
                                ++started;
                                if (i == 10) {
                                  failed = true;
                                  throw std::runtime_error("piece 10");
                                }
                                // Later pieces must not all be done before the failing one gets the processor.
                                while (i > 10 && !failed) std::this_thread::yield();
                              }),
                 std::runtime_error);
    EXPECT_LT(started, 1'000'000U);
  }
}

// Whichever piece fails first, the error is the one that a single thread would report.
TEST(ParallelFor, TheLowestFailureIsReported) {
  for (const std::uint64_t fails_first : {0U, 1U}) {
    std::atomic<int> begun{0};
    std::atomic<bool> failed{false};
    try {
      parallel_for(2, 2, [&](std::uint64_t i) {
        ++begun;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        const auto waits = [&] { return begun < 2 || (i != fails_first && !failed); };
        while (waits() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
        if (i == fails_first) failed = true;
        // Long enough for the other failure to be recorded.
        if (i != fails_first) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        throw std::runtime_error("piece " + std::to_string(i));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()), "piece 0");
    }
  }
}

TEST(ParallelFor, DefaultThreadsAreAtLeastOne) {
  EXPECT_GE(default_threads(), 1U);
  EXPECT_LE(default_threads(), 16U);
}

}  // namespace
}  // namespace kvcache::detail

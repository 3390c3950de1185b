// One pass over arrays in pieces.
#include "tensor/scan.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/errors.h"

namespace kvcache::detail {
namespace {

TEST(Pieces, CutEveryArrayAtMultiplesOfTheStep) {
  Pieces pieces(10);
  for (const std::uint64_t size : {0U, 25U, 0U, 10U, 1U, 0U}) pieces.add(size);
  EXPECT_EQ(pieces.count(), 5U);
  EXPECT_EQ(pieces.total(), 36U);
  std::string all;
  for (std::uint64_t i = 0; i < pieces.count(); ++i) {
    const Piece piece = pieces[i];
    all += std::to_string(piece.array) + ":" + std::to_string(piece.begin) + "+" + std::to_string(piece.size) + " ";
  }
  EXPECT_EQ(all, "1:0+10 1:10+10 1:20+5 3:0+10 4:0+1 ");
}

TEST(Scan, TakesResultsInOrderHoweverTheyCome) {
  for (const unsigned threads : {1U, 2U, 5U}) {
    std::string all;
    scan(
        200, threads, {},
        [](std::uint64_t i) {
          if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
          return std::to_string(i);
        },
        [&](std::uint64_t i, const std::string& text) {
          EXPECT_EQ(std::to_string(i), text);
          all += text + " ";
        });
    std::string wanted;
    for (int i = 0; i < 200; ++i) wanted += std::to_string(i) + " ";
    EXPECT_EQ(all, wanted) << threads << " threads";
  }
}

TEST(Scan, StopsBetweenPieces) {
  for (const unsigned threads : {1U, 3U}) {
    const StopToken stop = StopToken::make();
    std::atomic<int> runs{0};
    const auto error = test::error_of([&] {
      scan(1'000'000, threads, stop, [&](std::uint64_t) {
        ++runs;
        stop.request_stop();
      });
    });
    EXPECT_EQ(error->kind(), ErrorKind::interrupted);
    EXPECT_LE(runs, 3);
  }
}

TEST(Scan, WhatTakingThrowsComesOut) {
  const auto take = [](std::uint64_t i, int) {
    if (i == 3) throw std::runtime_error("no room");
  };
  EXPECT_THROW(scan(
                   100, 2, {}, [](std::uint64_t) { return 0; }, take),
               std::runtime_error);
}

TEST(StopToken, NobodyAsksUnlessMadeForIt) {
  const StopToken none;
  none.request_stop();
  EXPECT_FALSE(none.stop_requested());
  const StopToken one = StopToken::make();
  const StopToken copy = one;
  EXPECT_FALSE(copy.stop_requested());
  one.request_stop();
  EXPECT_TRUE(copy.stop_requested());
}

TEST(ThreadPool, ThreadsStayFromOneLoopToTheNext) {
  const auto caller = std::this_thread::get_id();
  std::atomic<int> most{0};
  for (int loop = 0; loop < 300; ++loop) {
    std::atomic<int> begun{0};
    parallel_for(2, 2, [&](std::uint64_t) {
      ++begun;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (begun < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      thread_local int loops = 0;  // of a new thread
      ++loops;
      if (std::this_thread::get_id() != caller && loops > most) most = loops;
    });
  }
  EXPECT_GT(most, 1);
}

TEST(ThreadPool, LoopsWithinLoopsAndFromSeveralThreads) {
  std::atomic<int> runs{0};
  const auto nested = [&] { parallel_for(8, 4, [&](std::uint64_t) { parallel_for(8, 4, [&](std::uint64_t) { ++runs; }); }); };
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) callers.emplace_back(nested);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(runs, 3 * 64);
}

}  // namespace
}  // namespace kvcache::detail

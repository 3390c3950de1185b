#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "platform/in_order.h"

namespace kvcache::detail {
namespace {

using Indices = std::vector<std::size_t>;

std::size_t same(std::size_t i) {
  return i;
}

TEST(InOrder, TakesEveryResultOnceAndInOrder) {
  for (const std::size_t workers : {1U, 2U, 9U}) {
    for (const std::size_t n : {0U, 1U, 2U, 1000U}) {
      Indices expected, taken;
      for (std::size_t i = 0; i < n; ++i) expected.push_back(i);
      in_order<std::size_t>(n, workers, same, [&](std::size_t i, std::size_t result) {
        EXPECT_EQ(i, result);
        taken.push_back(result);
      });
      EXPECT_EQ(taken, expected) << workers << " workers";
    }
  }
}

TEST(InOrder, AnExceptionOfTheWorkComesOut) {
  for (const std::size_t workers : {1U, 4U}) {
    std::size_t taken = 0;
    const auto work = [](std::size_t i) {
      if (i == 500) throw std::runtime_error("no " + std::to_string(i));
      return i;
    };
    EXPECT_THROW(in_order<std::size_t>(1000, workers, work, [&](std::size_t, std::size_t) { ++taken; }), std::runtime_error);
    EXPECT_LE(taken, 500U);
  }
}

TEST(InOrder, AnExceptionOfTheTakerEndsTheWork) {
  for (const std::size_t workers : {1U, 4U}) {
    Indices taken;
    const auto take = [&](std::size_t i, std::size_t) {
      if (i == 3) throw std::runtime_error("enough");
      taken.push_back(i);
    };
    EXPECT_THROW(in_order<std::size_t>(1000, workers, same, take), std::runtime_error);
    EXPECT_EQ(taken, (Indices{0, 1, 2}));
  }
}

TEST(InOrder, ItemsAreAskedForOneAfterTheOther) {
  for (const std::size_t workers : {1U, 9U}) {
    std::size_t given = 0;
    std::atomic<int> asking = 0;
    const auto next = [&]() -> std::optional<std::string> {
      EXPECT_EQ(++asking, 1);
      std::this_thread::yield();
      --asking;
      return given < 1000 ? std::optional(std::to_string(given++)) : std::nullopt;
    };
    std::size_t taken = 0;
    in_order_of<std::string, std::string>(
        next, workers, [](const std::string& item) { return item + "!"; },
        [&](const std::string& result) { EXPECT_EQ(result, std::to_string(taken++) + "!"); });
    EXPECT_EQ(taken, 1000U) << workers << " workers";
  }
}

TEST(InOrder, AnExceptionOfTheNextItemComesOut) {
  for (const std::size_t workers : {1U, 4U}) {
    std::size_t given = 0, taken = 0;
    const auto next = [&]() -> std::optional<std::size_t> {
      if (given == 500) throw std::runtime_error("no more");
      return given++;
    };
    EXPECT_THROW((in_order_of<std::size_t, std::size_t>(next, workers, same, [&](std::size_t) { ++taken; })),
                 std::runtime_error);
    EXPECT_LE(taken, 500U);
  }
}

}  // namespace
}  // namespace kvcache::detail

// Work on many things at once, results in order.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace kvcache::detail {

/// Calls next() until it gives nothing more, work(item) with what it gave on `workers` threads, and take(result) on this one,
/// in the same order and as soon as possible, so that at most a few results wait. next() is called by one thread at a time. An
/// exception of any of them ends the rest and comes out here.
template <typename Item, typename Result>
void in_order_of(const std::function<std::optional<Item>()>& next, std::size_t workers, const std::function<Result(Item)>& work,
                 const std::function<void(Result)>& take) {
  // Results that may wait: a slow first file does not make thousands of others pile up in memory.
  const std::size_t ahead = 16 * workers;
  std::mutex asking;  // for the next item: before `mutex`
  std::mutex mutex;
  // Whoever waits is woken for what they wait for alone: of thousands of results most change nothing for anybody.
  std::condition_variable arrived, room;
  std::deque<std::optional<Result>> results;  // from `taken` on
  std::size_t taken = 0;
  bool all_begun = false;
  std::exception_ptr failure;
  const auto fail = [&](std::exception_ptr error) {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::move(error);
    arrived.notify_one();
    room.notify_one();
  };

  // What to work on, and which result that will be; nothing where there is no more to do.
  using Numbered = std::pair<std::size_t, Item>;
  const auto begin = [&]() -> std::optional<Numbered> {
    const std::lock_guard asks(asking);
    {
      std::unique_lock lock(mutex);
      room.wait(lock, [&] { return failure || results.size() < ahead; });
      if (failure || all_begun) return std::nullopt;
    }
    std::optional<Item> item = next();
    const std::lock_guard lock(mutex);
    if (!item) {
      all_begun = true;
      arrived.notify_one();
      return std::nullopt;
    }
    results.emplace_back();
    return Numbered(taken + results.size() - 1, *std::move(item));
  };
  const auto run = [&] {
    try {
      while (std::optional<Numbered> item = begin()) {
        Result result = work(std::move(item->second));
        const std::lock_guard lock(mutex);
        results[item->first - taken] = std::move(result);
        if (item->first == taken) arrived.notify_one();
      }
    } catch (...) {
      fail(std::current_exception());
    }
  };
  std::vector<std::thread> threads;
  try {
    while (workers > 1 && threads.size() < workers) threads.emplace_back(run);
  } catch (const std::exception&) {
    // No more threads (or memory for one) to be had: those that exist do all the work.
  }
  if (threads.empty()) {
    while (std::optional<Item> item = next()) take(work(*std::move(item)));
    return;
  }

  try {
    for (;;) {
      std::unique_lock lock(mutex);
      arrived.wait(lock, [&] { return failure || (results.empty() ? all_begun : results.front().has_value()); });
      if (failure || results.empty()) break;
      Result result = *std::move(results.front());
      results.pop_front();
      ++taken;
      lock.unlock();
      room.notify_one();
      take(std::move(result));
    }
  } catch (...) {
    fail(std::current_exception());
  }
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

/// The same of work(0) ... work(n-1), and take(i, result).
template <typename Result>
void in_order(std::size_t n, std::size_t workers, const std::function<Result(std::size_t)>& work,
              const std::function<void(std::size_t, Result)>& take) {
  std::size_t begun = 0, taken = 0;
  in_order_of<std::size_t, Result>([&] { return begun < n ? std::optional(begun++) : std::nullopt; }, std::min(workers, n),
                                   work, [&](Result result) { take(taken++, std::move(result)); });
}

/// The same for work so short that handing it over counts: `batch` of it at once.
template <typename Result>
void in_order_by(std::size_t batch, std::size_t n, std::size_t workers, const std::function<Result(std::size_t)>& work,
                 const std::function<void(std::size_t, Result)>& take) {
  in_order<std::vector<Result>>((n + batch - 1) / batch, workers,
                                [&](std::size_t b) {
                                  std::vector<Result> results;
                                  for (std::size_t i = b * batch; i < std::min(n, (b + 1) * batch); ++i)
                                    results.push_back(work(i));
                                  return results;
                                },
                                [&](std::size_t b, std::vector<Result> results) {
                                  for (std::size_t i = 0; i < results.size(); ++i) take(b * batch + i, std::move(results[i]));
                                });
}

}  // namespace kvcache::detail

// Work on many things at once, results in order.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace kvcache::detail {

/// Calls work(0) ... work(n-1) on `workers` threads and take(i, result) on this one, in order and as soon as possible, so that
/// at most a few results wait. An exception of either ends the rest and comes out here.
template <typename Result>
void in_order(std::size_t n, std::size_t workers, const std::function<Result(std::size_t)>& work,
              const std::function<void(std::size_t, Result)>& take) {
  if (workers <= 1 || n <= 1) {
    for (std::size_t i = 0; i < n; ++i) take(i, work(i));
    return;
  }
  // Results that may wait: a slow first file does not make thousands of others pile up in memory.
  const std::size_t ahead = 16 * workers;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::optional<Result>> done(n);
  std::size_t next = 0, taken = 0;
  std::exception_ptr failure;

  const auto run = [&] {
    for (;;) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return failure || next == n || next < taken + ahead; });
      if (failure || next == n) return;
      const std::size_t i = next++;
      lock.unlock();
      std::optional<Result> result;
      std::exception_ptr error;
      try {
        result = work(i);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      done[i] = std::move(result);
      if (error && !failure) failure = error;
      changed.notify_all();
    }
  };
  std::vector<std::thread> threads;
  try {
    while (threads.size() < std::min(workers, n)) threads.emplace_back(run);
  } catch (const std::exception&) {
    // No more threads (or memory for one) to be had: those that exist do all the work.
    if (threads.empty()) return in_order(n, 1, work, take);
  }

  try {
    for (std::size_t i = 0; i < n; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return failure || done[i]; });
      if (failure) break;
      Result result = *std::move(done[i]);
      done[i].reset();
      taken = i + 1;
      lock.unlock();
      changed.notify_all();
      take(i, std::move(result));
    }
  } catch (...) {
    const std::lock_guard lock(mutex);
    failure = std::current_exception();
  }
  changed.notify_all();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
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

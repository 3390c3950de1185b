#include "tensor/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "tensor/thread_pool.h"

namespace kvcache::detail {
namespace {

// One parallel_for. Pieces are handed out one at a time, as their costs differ (zeros, copies, arithmetic).
class Loop final : public ThreadPool::Work {
 public:
  Loop(std::uint64_t count, const std::function<void(std::uint64_t)>& fn) : count_(count), fn_(fn) {}

  void work() noexcept override {
    // `failed_` is asked before a piece is claimed, never after: what is claimed always runs. So when piece i fails, all
    // before it run to their end, and the lowest failure does not depend on timing.
    while (!failed_.load(std::memory_order_relaxed)) {
      const std::uint64_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= count_) return;
      try {
        fn_(index);
      } catch (...) {
        fail(index, std::current_exception());
      }
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void fail(std::uint64_t index, std::exception_ptr error) noexcept {
    failed_.store(true, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    if (error_ && error_index_ < index) return;
    error_ = std::move(error);
    error_index_ = index;
  }

  const std::uint64_t count_;
  const std::function<void(std::uint64_t)>& fn_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
  std::uint64_t error_index_ = 0;
};

}  // namespace

unsigned default_threads() {
  // Each thread holds tile buffers, and copying saturates the memory long before 16 cores do.
  return std::clamp(std::thread::hardware_concurrency(), 1U, 16U);
}

// Threads of the standard library rather than oneTBB or OpenMP. oneTBB comes as a shared library only, which a static tool
// cannot have. Loading libgomp makes an empty program start in 0.66 ms instead of 0.56 (median of 500, linked dynamically),
// exceptions may not leave its loops, and Apple's clang has no OpenMP. Neither offers anything that this needs.
// std::thread rather than std::jthread, which libc++ (macOS) lacked until version 20.
void parallel_for(std::uint64_t count, unsigned threads, const std::function<void(std::uint64_t)>& fn) {
  if (threads == 0) threads = default_threads();
  if (threads == 1 || count <= 1) {
    for (std::uint64_t i = 0; i < count; ++i) fn(i);
    return;
  }
  Loop loop(count, fn);
  const auto helpers = static_cast<std::size_t>(std::min<std::uint64_t>(threads, count) - 1);
  ThreadPool& pool = ThreadPool::shared();
  pool.offer(loop, helpers);
  loop.work();
  pool.withdraw(loop);
  loop.rethrow();
}

}  // namespace kvcache::detail

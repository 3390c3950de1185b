// Threads that stay, for everything that is spread over several.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

namespace kvcache::detail {

/// Threads live on between two pieces of work: starting one takes 20 microseconds, and first use of the fresh memory of its
/// buffers (scratch.h) much longer. They are started when first needed, and as many as were ever asked for at once.
class ThreadPool {
 public:
  /// What several threads can do together.
  class Work {
   public:
    Work() = default;
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    virtual ~Work() = default;
    /// Do some of it until there is no more to begin.
    virtual void work() noexcept = 0;

   private:
    friend class ThreadPool;
    std::size_t wanted_ = 0;   // helpers that may still come
    std::size_t helping_ = 0;  // helpers that are in work()
  };

  /// The one of the process. It is never taken down: a program may end from any thread, in the middle of everything.
  [[nodiscard]] static ThreadPool& shared();

  /// Up to `helpers` threads call work.work() as well, as soon as they can. Who offers works on it too, and waits for nobody
  /// to come: in a forked process, which has no threads but its own, and where no more are to be had.
  void offer(Work& work, std::size_t helpers);
  /// Nobody comes any more; returns when those that have come are done.
  void withdraw(Work& work);

 private:
  ThreadPool() = default;
  void start_threads();
  void run();

  std::mutex mutex_;
  std::condition_variable offered_;  // for threads that wait
  std::condition_variable done_;     // for who withdraws
  std::deque<Work*> offers_;         // of which helpers are still wanted
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
};

}  // namespace kvcache::detail

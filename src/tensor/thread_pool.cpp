#include "tensor/thread_pool.h"

#include <algorithm>
#include <exception>
#include <thread>

namespace kvcache::detail {
namespace {

// Far above what any machine makes use of here.
constexpr std::size_t most_threads = 255;

}  // namespace

ThreadPool& ThreadPool::shared() {
  static ThreadPool& pool = *new ThreadPool;
  return pool;
}

void ThreadPool::offer(Work& work, std::size_t helpers) {
  const std::lock_guard lock(mutex_);
  work.wanted_ = helpers;
  offers_.push_back(&work);
  start_threads();
  offered_.notify_all();
}

void ThreadPool::withdraw(Work& work) {
  std::unique_lock lock(mutex_);
  std::erase(offers_, &work);
  done_.wait(lock, [&] { return work.helping_ == 0; });
}

void ThreadPool::start_threads() {
  std::size_t wanted = 0;
  for (const Work* work : offers_) wanted += work->wanted_;
  while (idle_ < wanted && threads_ < most_threads) {
    try {
      std::thread([this] { run(); }).detach();
    } catch (const std::exception&) {
      return;  // no more (or no memory for one) to be had: those that exist do all the work
    }
    ++threads_;
    ++idle_;
  }
}

void ThreadPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    offered_.wait(lock, [&] { return !offers_.empty(); });
    Work& work = *offers_.front();
    if (--work.wanted_ == 0) offers_.pop_front();
    ++work.helping_;
    --idle_;
    lock.unlock();
    work.work();
    lock.lock();
    ++idle_;
    if (--work.helping_ == 0) done_.notify_all();
  }
}

}  // namespace kvcache::detail

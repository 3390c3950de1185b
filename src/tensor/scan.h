// One pass over arrays: cut into pieces, worked on by several threads, put together in order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "platform/stop.h"
#include "tensor/parallel.h"

namespace kvcache::detail {

/// A part of one of several arrays: bytes, elements, or whatever their sizes are counted in.
struct Piece {
  std::size_t array;
  std::uint64_t begin;
  std::uint64_t size;
};

/// Arrays cut at multiples of a step, as a numbered row of pieces. Takes memory for the arrays, not for the pieces.
class Pieces {
 public:
  explicit Pieces(std::uint64_t step) : step_(step) {}

  void add(std::uint64_t size) {
    first_.push_back(count_);
    sizes_.push_back(size);
    count_ += (size + step_ - 1) / step_;
    total_ += size;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }  ///< the sum of all sizes
  [[nodiscard]] Piece operator[](std::uint64_t i) const {
    // The last array whose first piece is not after it: of those without a piece, none is.
    const auto array = static_cast<std::size_t>(std::ranges::upper_bound(first_, i) - first_.begin() - 1);
    const std::uint64_t begin = (i - first_[array]) * step_;
    return {array, begin, std::min(step_, sizes_[array] - begin)};
  }

 private:
  std::uint64_t step_;
  std::vector<std::uint64_t> first_;  // piece of each array
  std::vector<std::uint64_t> sizes_;
  std::uint64_t count_ = 0;
  std::uint64_t total_ = 0;
};

/// Gives results in the order of their numbers, whatever the order in which they come.
template <typename Result, typename Take>
class InOrder {
 public:
  explicit InOrder(const Take& take) : take_(take) {}
  void add(std::uint64_t i, Result result) {
    const std::lock_guard lock(mutex_);
    if (i != next_) {
      early_.emplace(i, std::move(result));
      return;
    }
    take_(next_++, std::move(result));
    for (auto it = early_.begin(); it != early_.end() && it->first == next_; it = early_.erase(it))
      take_(next_++, std::move(it->second));
  }

 private:
  const Take& take_;
  std::mutex mutex_;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, Result> early_;  // a few: pieces begin in order
};

/// Calls run(0), run(1), ..., run(count-1) as parallel_for() does, looking between them whether to stop.
template <typename Run>
void scan(std::uint64_t count, unsigned threads, const StopToken& stop, const Run& run) {
  parallel_for(count, threads, [&](std::uint64_t i) {
    throw_if_stopped(stop);
    run(i);
  });
}

/// The same, and take(i, result) with what each returns: in order and from one thread at a time, so that what is put together
/// does not depend on how many threads there are.
template <typename Run, typename Take>
void scan(std::uint64_t count, unsigned threads, const StopToken& stop, const Run& run, const Take& take) {
  InOrder<decltype(run(count)), Take> results(take);
  scan(count, threads, stop, [&](std::uint64_t i) { results.add(i, run(i)); });
}

}  // namespace kvcache::detail

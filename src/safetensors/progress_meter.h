// Telling the caller how far the writing is, not too often.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

class ProgressMeter {
 public:
  ProgressMeter(const Progress& callback, std::uint64_t total) : callback_(callback), total_(total) {}

  /// Safe to call from several threads.
  void add(std::uint64_t bytes) {
    if (!callback_) return;
    const std::lock_guard lock(mutex_);
    done_ += bytes;
    const auto now = std::chrono::steady_clock::now();
    if (done_ < total_ && now - last_ < std::chrono::milliseconds(50)) return;
    last_ = now;
    callback_(done_, total_);
  }

 private:
  const Progress& callback_;
  const std::uint64_t total_;
  std::mutex mutex_;
  std::uint64_t done_ = 0;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace kvcache::detail

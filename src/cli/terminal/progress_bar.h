// A progress bar on standard error.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cli/command.h"
#include "kvcache/safetensors.h"

namespace kvcache::cli {

/// What a bar says in one line of at most `width` columns: "writing [####    ]  43%  1.20 of 2.80 GB  410 MB/s  4 s left".
/// Where there is less room the bar goes first, then the rate, the bytes and the time; the percentage stays.
[[nodiscard]] std::string progress_line(const std::string& label, std::uint64_t done, std::uint64_t total, double seconds,
                                        std::size_t width);

/// Shows itself only on a terminal, and only when the work takes longer than half a second; wipes itself away at the end, so
/// that what is printed next starts on a clean line.
class ProgressBar {
 public:
  ProgressBar(const Context& context, std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// For the library; empty where nothing would be shown. Not to be called after the bar is gone.
  [[nodiscard]] Progress callback();

 private:
  using Clock = std::chrono::steady_clock;
  void show(std::uint64_t done, std::uint64_t total);
  void wipe();

  std::string label_;
  bool wanted_;
  bool visible_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_;
};

}  // namespace kvcache::cli

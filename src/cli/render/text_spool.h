// Texts in a row, taken out again in the same order: what a report is made of when all of it has been seen.
#pragma once

#include <cstdint>
#include <string>

#include "platform/file.h"

namespace kvcache::cli {

/// Holds some megabytes; what is more goes to an unlinked temporary file.
class TextSpool {
 public:
  /// Throws Error(io) where there can be no temporary file.
  void add(const std::string& text);
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// The next one, the first time the first. After the last add(); as often as there were any. Throws Error(io).
  [[nodiscard]] std::string next();

 private:
  void flush();
  void fill();

  kvcache::detail::File file_;
  std::uint64_t written_ = 0;  // bytes in the file
  std::uint64_t read_ = 0;     // of them
  std::string buffer_;         // what is not yet in the file; then, from `at_` on, what was read of it and not taken
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

}  // namespace kvcache::cli

// A sum that does not depend on the order of its terms.
#pragma once

#include <cmath>

namespace kvcache {

/// Carries its rounding error along. Threads add their tiles in any order; the last bits that the order decides are far below
/// those of the double that is returned, so the same tiles give the same report on any number of threads.
class OrderFreeSum {
 public:
  void add(double term) {
    const double sum = sum_ + term;
    const double added = sum - sum_;
    // Nothing is lost by an infinite sum, and infinity minus infinity would spoil it.
    if (std::isfinite(sum)) lost_ += (sum_ - (sum - added)) + (term - added);
    sum_ = sum;
  }
  [[nodiscard]] double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

}  // namespace kvcache

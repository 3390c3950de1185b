// ErrorStats and CastStats: sums that several threads add to.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>

#include "kvcache/quantize.h"

namespace kvcache {
namespace {

// A sum that carries its rounding error along. Threads add their tiles in any order; the last bits that the order decides are
// far below those of the double that is returned, so the same tiles give the same report on any number of threads.
class OrderFreeSum {
 public:
  void add(double term) {
    const double sum = sum_ + term;
    const double added = sum - sum_;
    lost_ += (sum_ - (sum - added)) + (term - added);
    sum_ = sum;
  }
  [[nodiscard]] double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

}  // namespace

struct ErrorStats::Impl {
  mutable std::mutex mutex;
  double max_abs = 0;
  OrderFreeSum error;
  OrderFreeSum signal;
  std::uint64_t count = 0;
};

ErrorStats::ErrorStats() : impl_(std::make_unique<Impl>()) {}
ErrorStats::~ErrorStats() = default;

void ErrorStats::add(double max_abs, double sum_sq_error, double sum_sq_signal, std::uint64_t count) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->max_abs = std::max(impl_->max_abs, max_abs);
  impl_->error.add(sum_sq_error);
  impl_->signal.add(sum_sq_signal);
  impl_->count += count;
}

double ErrorStats::max_abs_error() const {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->max_abs;
}

double ErrorStats::rmse() const {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->count == 0 ? 0.0 : std::sqrt(impl_->error.value() / static_cast<double>(impl_->count));
}

double ErrorStats::snr_db() const {
  const std::scoped_lock lock(impl_->mutex);
  const double error = impl_->error.value();
  if (error == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(impl_->signal.value() / error);
}

struct CastStats::Impl {
  std::atomic<std::uint64_t> overflows{0};
};

CastStats::CastStats() : impl_(std::make_unique<Impl>()) {}
CastStats::~CastStats() = default;
std::uint64_t CastStats::overflows() const {
  return impl_->overflows;
}
void CastStats::add_overflows(std::uint64_t n) {
  impl_->overflows += n;
}

}  // namespace kvcache

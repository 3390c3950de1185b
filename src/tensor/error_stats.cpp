// ErrorStats and CastStats: sums that several threads add to.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>

#include "kvcache/quantize.h"
#include "tensor/order_free_sum.h"

namespace kvcache {
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

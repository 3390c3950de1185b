#include "platform/stop.h"

#include "kvcache/error.h"

namespace kvcache {

StopToken StopToken::make() {
  StopToken token;
  token.requested_ = std::make_shared<std::atomic<bool>>(false);
  return token;
}

void StopToken::request_stop() const noexcept {
  if (requested_ != nullptr) requested_->store(true, std::memory_order_relaxed);
}

std::atomic<int>& stop_requested() noexcept {
  static std::atomic<int> flag{0};
  return flag;
}

namespace detail {

void throw_if_stopped() {
  if (stop_requested().load(std::memory_order_relaxed) != 0) throw Error(ErrorKind::interrupted, "interrupted");
}

void throw_if_stopped(const StopToken& stop) {
  throw_if_stopped();
  if (stop.stop_requested()) throw Error(ErrorKind::interrupted, "interrupted");
}

}  // namespace detail
}  // namespace kvcache

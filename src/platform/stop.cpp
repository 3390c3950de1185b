#include "platform/stop.h"

#include "kvcache/error.h"

namespace kvcache::detail {

std::atomic<int>& stop_flag() noexcept {
  static std::atomic<int> flag{0};
  return flag;
}

void throw_if_stopped() {
  if (stop_flag().load(std::memory_order_relaxed) != 0) throw Error(ErrorKind::interrupted, "interrupted");
}

}  // namespace kvcache::detail

#include "platform/spooled_output.h"

#include <algorithm>
#include <vector>

#include "platform/stop.h"

namespace kvcache::detail {

void SpooledOutput::commit() {
  constexpr std::uint64_t step = 256U << 10U;
  const std::uint64_t size = file_.size();
  std::vector<std::byte> buffer(std::min(step, size));
  for (std::uint64_t at = 0; at < size; at += step) {
    throw_if_stopped();
    const auto part = std::span(buffer).first(std::min(step, size - at));
    file_.pread_all(at, part);
    to_.write_all(part);
  }
}

}  // namespace kvcache::detail

#include "stamp/passing_checksums.h"

#include <zlib.h>

#include <iterator>

#include "stamp/crc32.h"

namespace kvcache::detail {
namespace {

/// Of two neighbours the sum of both.
std::uint32_t joined(std::uint32_t first, std::uint32_t second, std::uint64_t bytes_of_second) {
  return static_cast<std::uint32_t>(crc32_combine(first, second, static_cast<z_off_t>(bytes_of_second)));
}

std::uint32_t crc32_of_zeros(std::uint64_t count) {
  const std::byte zero{0};
  std::uint32_t sum = 0;
  std::uint32_t power = crc32_after(0, {&zero, 1});  // of `size` zeros
  for (std::uint64_t size = 1; count > 0; size *= 2, count /= 2) {
    if (count % 2 == 1) sum = joined(sum, power, size);
    power = joined(power, power, size);
  }
  return sum;
}

}  // namespace

void PassingChecksums::bytes(std::size_t tensor, std::uint64_t begin, std::span<const std::byte> data) {
  add(tensor, begin, {data.size(), crc32_after(0, data)});
}

void PassingChecksums::zeros(std::size_t tensor, std::uint64_t begin, std::uint64_t count) {
  add(tensor, begin, {count, crc32_of_zeros(count)});
}

std::map<std::string, std::uint32_t> PassingChecksums::by_key(const std::vector<NamedTensor>& tensors) const {
  std::map<std::string, std::uint32_t> out;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    out.insert_or_assign(tensors[i].key, runs_[i].empty() ? 0 : runs_[i].begin()->second.crc);
  return out;
}

void PassingChecksums::add(std::size_t tensor, std::uint64_t begin, Run run) {
  const std::lock_guard lock(mutex_);
  auto& runs = runs_[tensor];
  auto after = runs.lower_bound(begin);
  if (after != runs.end() && after->first == begin + run.size) {
    run = {run.size + after->second.size, joined(run.crc, after->second.crc, after->second.size)};
    after = runs.erase(after);
  }
  if (after != runs.begin()) {
    Run& before = std::prev(after)->second;
    if (std::prev(after)->first + before.size == begin) {
      before = {before.size + run.size, joined(before.crc, run.crc, run.size)};
      return;
    }
  }
  runs.emplace_hint(after, begin, run);
}

}  // namespace kvcache::detail

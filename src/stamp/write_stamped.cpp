#include <zlib.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <vector>

#include "safetensors/late_header.h"
#include "stamp/crc32.h"
#include "stamp/stamp_draft.h"

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

/// The checksum of each array of the runs of it that pass by. Runs that touch become one, so that there are few at a time.
class Checksums final : public DataObserver {
 public:
  explicit Checksums(std::size_t arrays) : runs_(arrays) {}

  void bytes(std::size_t tensor, std::uint64_t begin, std::span<const std::byte> data) override {
    add(tensor, begin, {data.size(), crc32_after(0, data)});
  }
  void zeros(std::size_t tensor, std::uint64_t begin, std::uint64_t count) override {
    add(tensor, begin, {count, crc32_of_zeros(count)});
  }
  /// When all of it has passed.
  [[nodiscard]] std::uint32_t of(std::size_t tensor) const {
    return runs_[tensor].empty() ? 0 : runs_[tensor].begin()->second.crc;
  }

 private:
  struct Run {
    std::uint64_t size;
    std::uint32_t crc;
  };

  void add(std::size_t tensor, std::uint64_t begin, Run run) {
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

  std::mutex mutex_;
  std::vector<std::map<std::uint64_t, Run>> runs_;  ///< of each array, by where they begin
};

}  // namespace

std::uint64_t write_stamped(const std::string& path, const Encoded& encoded, StampDraft& draft, const WriteOptions& options) {
  const std::string placeholder = to_json(draft.stamp);
  Checksums sums(encoded.tensors.size());
  return write_with_late_header(path, encoded.tensors, encoded.metadata, options, sums, [&] {
    std::map<std::string, std::uint32_t> by_key;
    for (std::size_t i = 0; i < encoded.tensors.size(); ++i) by_key.insert_or_assign(encoded.tensors[i].key, sums.of(i));
    finish(draft, std::move(by_key));
    Metadata metadata = encoded.metadata;
    for (auto& [key, value] : metadata)
      if (value == placeholder) value = to_json(draft.stamp);
    return metadata;
  });
}

}  // namespace kvcache::detail

#include "cache/normal_table.h"

#include <vector>

namespace kvcache::detail {
namespace {

// The sum of four dice of 1,024 sides is close enough to normal, and how often it takes each value can be counted exactly.
constexpr std::size_t sides = 1024;
constexpr int dice = 4;
constexpr std::size_t sums = dice * (sides - 1) + 1;

// Of the 2^40 throws, how many give each sum.
std::vector<std::uint64_t> throws_by_sum() {
  std::vector<std::uint64_t> counts(sums, 0);
  counts[0] = 1;
  for (int die = 0; die < dice; ++die) {
    std::vector<std::uint64_t> next(sums, 0);
    std::uint64_t in_reach = 0;  // of a die: the last `sides` counts
    for (std::size_t sum = 0; sum < sums; ++sum) {
      in_reach += counts[sum];
      if (sum >= sides) in_reach -= counts[sum - sides];
      next[sum] = in_reach;
    }
    counts = std::move(next);
  }
  return counts;
}

std::array<std::int16_t, normal_table_size> make_table() {
  const std::vector<std::uint64_t> counts = throws_by_sum();
  std::array<std::int16_t, normal_table_size> table{};
  std::size_t sum = 0;
  std::uint64_t up_to_sum = counts[0];
  for (std::size_t i = 0; i < normal_table_size; ++i) {
    // The middle of the i-th of 2^16 equal parts of 2^40 throws.
    const std::uint64_t quantile = (2 * i + 1) << 23U;
    while (up_to_sum <= quantile) up_to_sum += counts[++sum];
    table[i] = static_cast<std::int16_t>(static_cast<int>(sum) - static_cast<int>(sums / 2));
  }
  return table;
}

}  // namespace

const std::array<std::int16_t, normal_table_size>& normal_table() {
  static const auto table = make_table();
  return table;
}

}  // namespace kvcache::detail

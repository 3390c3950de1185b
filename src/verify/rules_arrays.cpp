// Recurrent state. KV442 and KV443 are about the list of slots and found when decoding.
#include <fmt/format.h>

#include "verify/rules.h"

namespace kvcache::detail {
namespace {

using State = ArraysCache::State;
using Outcome = std::optional<Problem>;

Outcome one_batch_size(const State& s) {
  std::optional<std::int64_t> batch;
  std::string whose;
  const auto disagrees = [&](const std::string& name, std::int64_t size) -> Outcome {
    if (!batch) {
      batch = size;
      whose = name;
    }
    if (size == *batch) return {};
    return Problem{fmt::format("{} has batch size {}, but {} has {}: the state belongs to no batch", name, size, whose, *batch),
                   {}};
  };
  for (std::size_t i = 0; i < s.slots.size(); ++i) {
    if (!s.slots[i].defined()) continue;
    if (s.slots[i].rank() == 0) return Problem{fmt::format("slot {} is a scalar: its first axis would be the batch", i), {}};
    if (auto problem = disagrees(fmt::format("slot {}", i), s.slots[i].dim(0))) return problem;
  }
  if (s.left_padding)
    if (auto problem = disagrees("left_padding", static_cast<std::int64_t>(s.left_padding->size()))) return problem;
  if (s.lengths)
    if (auto problem = disagrees("lengths", static_cast<std::int64_t>(s.lengths->size()))) return problem;
  return {};
}

constexpr Rule<ArraysCache> rules[] = {{"KV441", one_batch_size}};

}  // namespace

void check_arrays(const Place& place, Findings& findings) {
  run_chain(place, rules, findings);
}

}  // namespace kvcache::detail

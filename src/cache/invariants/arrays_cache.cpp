// Recurrent state. KV442 and KV443 are about the list of slots and found when decoding.
#include <fmt/format.h>

#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace arrays_cache {
namespace {

using State = ArraysCache::State;
using Outcome = std::optional<Problem>;

// Names are made where one is needed: this runs before every operation.
Outcome one_batch_size(const State& s) {
  struct Part {
    std::size_t slot = 0;
    const char* list = nullptr;  // null: a slot
    [[nodiscard]] std::string name() const { return list != nullptr ? list : fmt::format("slot {}", slot); }
  };
  std::optional<std::int64_t> batch;
  Part whose;
  const auto disagrees = [&](const Part& part, std::int64_t size) -> Outcome {
    if (!batch) {
      batch = size;
      whose = part;
    }
    if (size == *batch) return {};
    return Problem{fmt::format("{} has batch size {}, but {} has {}: the state belongs to no batch", part.name(), size,
                               whose.name(), *batch),
                   {}};
  };
  for (std::size_t i = 0; i < s.slots.size(); ++i) {
    if (!s.slots[i].defined()) continue;
    if (s.slots[i].rank() == 0) return Problem{fmt::format("slot {} is a scalar: its first axis would be the batch", i), {}};
    if (auto problem = disagrees({.slot = i}, s.slots[i].dim(0))) return problem;
  }
  const auto entries = [](const Int32s& list) { return static_cast<std::int64_t>(list.size()); };
  if (s.left_padding)
    if (auto problem = disagrees({.list = "left_padding"}, entries(*s.left_padding))) return problem;
  if (s.lengths)
    if (auto problem = disagrees({.list = "lengths"}, entries(*s.lengths))) return problem;
  return {};
}

constexpr auto rules = std::to_array<Invariant<State>>({{"KV441", one_batch_size}});

}  // namespace
}  // namespace arrays_cache

BrokenInvariants broken_invariants(const ArraysCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, arrays_cache::rules, broken);
  return broken;
}

}  // namespace kvcache::detail

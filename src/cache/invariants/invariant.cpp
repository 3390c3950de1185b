#include "cache/invariants/invariant.h"

#include <fmt/format.h>

#include <algorithm>

#include "kvcache/error.h"

namespace kvcache::detail {

std::optional<Broken> first_that_blocks(BrokenInvariants broken) {
  const auto first = std::find_if(broken.begin(), broken.end(), [](const Broken& b) { return b.blocks == Blocks::operations; });
  if (first == broken.end()) return std::nullopt;
  return std::move(*first);
}

std::string refusal_of(const Broken& broken) {
  return fmt::format("its numbers contradict each other: {} ({})", broken.problem.message, broken.code);
}

void refuse(const Broken& broken) {
  throw Error(ErrorKind::impossible, refusal_of(broken),
              Remedy(Remedy::Action::verify) + " explains what is wrong with the file", std::string(broken.code));
}

}  // namespace kvcache::detail

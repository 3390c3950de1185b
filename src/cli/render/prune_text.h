// What `kvcache prune` prints for people.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "catalog/prune_plan.h"
#include "cli/command.h"

namespace kvcache::cli {

struct PruneCounts {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

/// Caches of a plan with one of these fates.
[[nodiscard]] PruneCounts count_pruned(const catalog::PrunePlan& plan, std::initializer_list<catalog::PruneFile::Fate> fates);

/// "keep", "delete", "deleted", "failed", "left"
[[nodiscard]] std::string_view fate_name(catalog::PruneFile::Fate fate);

/// A line for each file that goes and why, one for all that stay, and the sum. Where all go for the same reason it is said
/// once. `carried_out`: the plan was; without it the text ends by saying that nothing was deleted, with -q as well.
[[nodiscard]] std::string prune_text(const Context& context, const catalog::PrunePlan& plan, bool carried_out);

}  // namespace kvcache::cli

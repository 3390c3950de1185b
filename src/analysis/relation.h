// What two caches are to each other, in one word.
#pragma once

#include <cstdint>
#include <optional>

#include "kvcache/compare.h"

namespace kvcache::detail {

struct Relation {
  enum class Kind : std::uint8_t {
    same,       ///< nothing differs
    beginning,  ///< the second is the first without its last tokens
    more,       ///< the first is the second without its last tokens
    other,
  };
  Kind kind = Kind::other;
  std::int64_t common = 0;                           ///< beginning, more: tokens that both have, all the same
  std::int64_t further = 0;                          ///< tokens that only one of them has
  std::optional<std::int64_t> first_differing = {};  ///< token, of any layer; not of a batch
};

/// From what compare() found for these two.
[[nodiscard]] Relation relation_of(const PromptCache& a, const PromptCache& b, const Comparison& comparison);

[[nodiscard]] const char* name_of(Relation::Kind kind) noexcept;

}  // namespace kvcache::detail

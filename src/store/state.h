// Caches that are stored as a whole: their arrays, and the numbers beside these.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kvcache/cache.h"

namespace kvcache::store::detail {

/// A cache taken apart.
struct WholeState {
  std::string facts;           ///< JSON: class and numbers
  std::vector<Tensor> arrays;  ///< as many as facts say; undefined: a slot that is not set
};
[[nodiscard]] WholeState take_apart(const Cache& cache);
/// The same cache again. Throws Error(unreadable) for facts that are none, or do not fit the arrays.
[[nodiscard]] std::unique_ptr<Cache> put_together(const WholeState& state);
/// The least number of tokens that a cache of `tokens` can be cut to, by trim_to(). `tokens` itself where it cannot be trimmed.
[[nodiscard]] std::int64_t least_cut(const Cache& cache, std::int64_t tokens);

}  // namespace kvcache::store::detail

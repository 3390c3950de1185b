// Changing several caches, all or none: layers of a prompt cache, children of a list.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cache/context.h"
#include "kvcache/cache.h"

namespace kvcache::detail {

using Caches = std::vector<std::unique_ptr<Cache>>;

/// "child 1 (KVCache)"
[[nodiscard]] inline std::string child_name(const Caches& children, std::size_t index) {
  return fmt::format("child {} ({})", index, children[index]->class_name());
}

[[nodiscard]] inline Caches copies(const Caches& caches) {
  Caches all;
  for (const auto& cache : caches) all.push_back(cache->copy());
  return all;
}

/// Calls f(copy, index) with a copy of each; returns the copies. An Error that leaves f gets name(index) in front.
template <class Name, class F>
[[nodiscard]] Caches changed(const Caches& caches, Name&& name, F&& f) {
  Caches all = copies(caches);
  for (std::size_t i = 0; i < all.size(); ++i) in_context(name(i), [&] { f(*all[i], i); });
  return all;
}

}  // namespace kvcache::detail

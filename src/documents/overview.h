// What `inspect` begins with.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kvcache/document.h"

namespace kvcache::documents {

/// Sums over layers.
struct Totals {
  std::int64_t tokens = 0;          ///< the largest offset
  std::uint64_t bytes = 0;          ///< keys, values and states
  std::uint64_t padding_bytes = 0;  ///< part of `bytes` that no token uses
  std::uint64_t unused_bytes = 0;   ///< part of `padding_bytes` behind the last token: no further token adds to it
  bool trimmable = true;            ///< every layer is
  /// What one more token would cost, on average over the tokens there are; nothing for an empty cache.
  [[nodiscard]] std::optional<double> bytes_per_token() const;
  /// One layer more.
  void add(const Facts& facts, const LayerSource& source);
};

/// Facts of every layer with the sums over them: megabytes for thousands of layers.
struct Overview : Totals {
  std::vector<Facts> layers;
};
[[nodiscard]] Overview overview_of(const Document& document);

}  // namespace kvcache::documents

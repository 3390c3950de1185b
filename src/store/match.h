// The longest stored prefix of a prompt from which a cache can be resumed, and where each row of that cache is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kvcache/store/index.h"
#include "store/chain.h"
#include "store/layout.h"

namespace kvcache::store::detail {

/// Rows of an object, as part of a cache.
struct Piece {
  std::string object;      ///< its name
  std::int64_t rows = 0;   ///< that the object holds
  std::int64_t begin = 0;  ///< the first of them that is taken
  std::int64_t end = 0;    ///< behind the last
};

/// What is to be put together.
struct Plan {
  std::int64_t tokens = 0;                  ///< of the cache
  std::vector<Piece> rows;                  ///< of the layers of Kind::rows
  std::vector<std::vector<Piece>> windows;  ///< for each of Layout::windows, in the order of positions
  std::optional<Node> state;                ///< whose state object it is: of `tokens` tokens, or more that are to be cut off
  Digest node;                              ///< where the tokens are found: this node or one of those below it has an entry
  std::uint64_t blocks = 0;                 ///< complete ones
};

/// What was found in one namespace.
struct Found {
  std::int64_t matched = 0;  ///< leading tokens that are stored, whatever for
  std::optional<Plan> plan;  ///< the deepest point that everything is there for
  std::string reason;        ///< why not deeper, or empty
};

/// `limit`: the most tokens that the cache may have. `exact`: that many or none.
[[nodiscard]] Found find_prefix(const Index& index, const Namespace& space, const Layout& layout,
                                std::span<const std::int32_t> ids, std::span<const Extra> extras, std::int64_t limit,
                                bool exact);

}  // namespace kvcache::store::detail

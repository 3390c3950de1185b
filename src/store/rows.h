// Where the rows of a node are: in an object of its own, of which the first rows may be in those of a shorter tail.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/store/index.h"
#include "kvcache/store/types.h"

namespace kvcache::store::detail {

/// Of how many objects the rows of a node are at most. Behind that they are written anew, as one.
inline constexpr std::size_t most_pieces = 4;

/// The group of an object that holds the rows of a node behind its first `taken` ones: "rows", "rows-87".
[[nodiscard]] std::string rows_group(std::int64_t taken = 0);
[[nodiscard]] bool is_rows(std::string_view group);

/// The tail whose rows are the first ones of a node's, where those are not in the node's own object.
[[nodiscard]] std::optional<Digest> base_of(const Node& node);

/// Whether the rows of a tail are the first ones of another node beside it: of the same tokens and the same images.
[[nodiscard]] bool covers(const Node& node, const Node& tail);

/// The nodes whose rows begin with those of a tail.
[[nodiscard]] std::vector<Node> all_longer_with_rows(const Index& index, const Node& tail);
/// One of them, or nothing.
[[nodiscard]] std::optional<Node> longer_with_rows(const Index& index, const Node& tail);

/// For each node all that its rows are made of, each with its own object, in the order of the rows; the node is the last.
/// Nothing for a node of which a part is missing: it was removed since it was found, or the index is wrong.
[[nodiscard]] std::vector<std::vector<Node>> pieces_of_rows(const Index& index, std::span<const Node> nodes);

/// The nodes of a sequence, from the first to `end`.
[[nodiscard]] std::vector<Node> path_to(const Index& index, const Digest& end);
/// Before those of a path that have not all of their rows themselves, the nodes that have them, with their rows alone.
[[nodiscard]] std::vector<Node> with_all_rows(const Index& index, std::vector<Node> path);

}  // namespace kvcache::store::detail

#include "store/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "store/chain.h"

namespace kvcache::store::detail {

std::string rows_group(std::int64_t taken) {
  return taken == 0 ? "rows" : fmt::format("rows-{}", taken);
}

bool is_rows(std::string_view group) {
  return group == "rows" || group.starts_with("rows-");
}

std::optional<Digest> base_of(const Node& node) {
  const ObjectInfo* rows = node.rows();
  if (rows == nullptr || rows->rows.empty()) return std::nullopt;
  const std::int64_t taken = rows->rows.front().first - node.first;
  if (taken <= 0 || taken >= static_cast<std::int64_t>(node.ids.size())) return std::nullopt;
  return hash_of(node.parent, std::span(node.ids).first(static_cast<std::size_t>(taken)),
                 extras_within(node.extras, node.first, taken), true);
}

std::vector<std::vector<Node>> pieces_of_rows(const Index& index, std::span<const Node> nodes) {
  std::vector<std::vector<Node>> out;
  for (const Node& node : nodes) out.push_back({node});
  // What all of them stand on in one look, then what those do.
  for (;;) {
    std::vector<std::size_t> places;
    std::vector<Digest> hashes;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i].empty()) continue;
      const auto base = base_of(out[i].front());
      if (!base) continue;
      places.push_back(i);
      hashes.push_back(*base);
    }
    if (places.empty()) return out;
    std::vector<Node> found = index.path(hashes);
    for (std::size_t i = 0; i < places.size(); ++i) {
      std::vector<Node>& pieces = out[places[i]];
      // A base is shorter than what stands on it: this ends.
      if (i < found.size() && found[i].rows() != nullptr && found[i].ids.size() < pieces.front().ids.size()) {
        pieces.insert(pieces.begin(), std::move(found[i]));
      } else {
        pieces.clear();
      }
    }
  }
}

}  // namespace kvcache::store::detail

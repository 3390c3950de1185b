#include "store/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "store/chain.h"

namespace kvcache::store::detail {
namespace {

/// Of a node that only gives others its rows.
Node rows_alone(Node node) {
  std::erase_if(node.objects, [](const ObjectInfo& one) { return !is_rows(one.group); });
  node.cut.reset();
  node.held.clear();
  return node;
}

/// Those whose rows begin with those of a tail; one of them is enough where `any` is set.
std::vector<Node> longer_nodes(const Index& index, const Node& tail, bool any) {
  const Index::Place place{tail.parent, tail.ids};
  // Many may begin with the same tokens and be of other images.
  for (std::size_t most = 64;; most *= 8) {
    std::vector<Node> behind = std::move(index.near({&place, 1}, most).at(0).behind);
    const bool all = behind.size() < most || std::ranges::mismatch(tail.ids, behind.back().ids).in1 != tail.ids.end();
    std::erase_if(behind, [&](const Node& node) { return !covers(node, tail); });
    if (all || (any && !behind.empty())) return behind;
  }
}

}  // namespace

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

bool covers(const Node& node, const Node& tail) {
  const auto count = tail.ids.size();
  return node.hash != tail.hash && node.rows() != nullptr && count <= node.ids.size() &&
         std::equal(tail.ids.begin(), tail.ids.end(), node.ids.begin()) &&
         extras_within(node.extras, tail.first, static_cast<std::int64_t>(count)) == tail.extras;
}

std::vector<Node> all_longer_with_rows(const Index& index, const Node& tail) {
  return longer_nodes(index, tail, false);
}

std::optional<Node> longer_with_rows(const Index& index, const Node& tail) {
  std::vector<Node> found = longer_nodes(index, tail, true);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
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

std::vector<Node> path_to(const Index& index, const Digest& end) {
  std::vector<Node> out;
  for (Digest hash = end;;) {
    auto found = index.path({&hash, 1});
    if (found.empty()) break;
    hash = found.front().parent;
    out.push_back(std::move(found.front()));
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<Node> with_all_rows(const Index& index, std::vector<Node> path) {
  if (!path.empty() && path.back().tail && path.back().rows() == nullptr)
    if (auto longer = longer_with_rows(index, path.back())) path.insert(path.end() - 1, rows_alone(std::move(*longer)));
  std::vector<Node> out;
  std::vector<std::vector<Node>> pieces = pieces_of_rows(index, path);
  for (std::size_t i = 0; i < path.size(); ++i) {
    for (std::size_t p = 0; p + 1 < pieces[i].size(); ++p) out.push_back(rows_alone(std::move(pieces[i][p])));
    out.push_back(std::move(path[i]));
  }
  return out;
}

}  // namespace kvcache::store::detail

// The grammar of keys: dotted index paths of tensors and of metadata, as trees.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kvcache/finding.h"
#include "kvcache/safetensors.h"

namespace kvcache::detail {

/// A node of a tree of index paths. A sound node has either a value or children, and children 0...n-1.
template <typename Value>
struct IndexTree {
  std::optional<Value> value;
  std::map<std::uint64_t, IndexTree> children;
  [[nodiscard]] bool empty() const { return !value && children.empty(); }
  [[nodiscard]] bool is_list() const { return !value && !children.empty(); }
};

using ArrayTree = IndexTree<std::size_t>;  ///< values: indices into Header::tensors
using MetaTree = IndexTree<std::string>;

/// Everything of a header but the containers of sections: what belongs to each layer.
struct Layout {
  std::map<std::uint64_t, std::string> classes;
  std::map<std::uint64_t, ArrayTree> arrays;
  std::map<std::uint64_t, MetaTree> meta;
  Metadata user;                                     ///< without the "1."
  std::map<std::string, std::size_t> state_tensors;  ///< __mlx_lm_state_tensor_*: indices into Header::tensors
};

/// "0", "17", never "+1", "01", "1_0". Nothing when it is not canonical or does not fit into 63 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_index(std::string_view text);

/// Sort keys into sections and trees (mlx-lm 0.19 and later, Swift, mlxrs). Reports KV201-KV205, KV207.
[[nodiscard]] Layout parse_layout(const Header& header, Findings& findings);

/// Insert a path ("0.1.2") into a tree. Reports KV201 or KV207 under `key` and returns false when it is none.
template <typename Value>
bool insert_path(IndexTree<Value>& root, std::string_view path, Value value, const std::string& key, std::string_view what,
                 Findings& findings);

/// Children are 0...n-1 all the way down and no node has both a value and children; else reports KV203 or KV205.
template <typename Value>
bool is_sound(const IndexTree<Value>& tree, const Where& where, const std::string& key, std::string_view what,
              Findings& findings);

}  // namespace kvcache::detail

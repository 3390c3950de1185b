// The grammar of keys: dotted index paths of tensors and of metadata, as trees.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// The keys of one layer. They lie side by side, as those of a header are in byte order and begin with "LAYER."; between them
/// may be others that are no paths.
template <typename Position>
struct KeysOfLayer {
  std::uint64_t layer = 0;
  Position begin, end;
};

/// The class of one layer, as its file has it.
struct ClassOfLayer {
  std::uint64_t layer = 0;
  std::string name;
};

/// Everything of a header but the containers of sections: what belongs to each layer.
struct Layout {
  std::vector<ClassOfLayer> classes;                        ///< by layer
  std::vector<KeysOfLayer<std::size_t>> arrays;             ///< by layer; indices into Header::tensors
  std::vector<KeysOfLayer<Metadata::const_iterator>> meta;  ///< by layer; into Header::metadata
  Metadata user;                                            ///< without the "1."
  std::map<std::string, std::size_t> state_tensors;         ///< __mlx_lm_state_tensor_*: indices into Header::tensors

  /// What a layer has, as a tree of its own: those of all layers together would take more memory than the rest of a header.
  /// `tree` was that of the layer before, whose nodes are used again: nearly all layers have the same. False: it has none.
  bool arrays_of(std::uint64_t layer, const Header& header, ArrayTree& tree) const;
  bool meta_of(std::uint64_t layer, MetaTree& tree) const;
};

/// "0", "17", never "+1", "01", "1_0". Nothing when it is not canonical or does not fit into 63 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_index(std::string_view text);

/// Sort keys into sections and layers (mlx-lm 0.19 and later, Swift, mlxrs). Reports KV201-KV205, KV207.
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

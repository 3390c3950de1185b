// What a Tensor is made of: a tree of nodes over bytes. Leaves say where bytes come from, inner nodes rearrange.
//
// Nodes know nothing of dtypes and shapes, only of row-major bytes: every structural operation along an axis works on equal
// blocks, one for each combination of the indices before that axis, and does the same within each. All sizes have been
// checked by Tensor before a node is made, so nodes calculate without checks and never see an empty tensor.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kvcache/tensor.h"

namespace kvcache::detail {

class Node {
 public:
  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;
  /// Call `sink` with the extents of bytes [begin, end), in order; begin < end. Nothing is stored along the way, so that
  /// visiting costs no memory; runs may be shorter than they could be (Tensor::visit joins neighbours).
  virtual void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const = 0;
};

using NodePtr = std::shared_ptr<const Node>;

/// What the node of stored bytes says of them.
[[nodiscard]] inline Extent bytes_of(const ByteSource& source, std::uint64_t offset, std::uint64_t length) {
  Extent extent;
  extent.kind = Extent::Kind::source;
  extent.length = length;
  extent.source = &source;
  extent.offset = offset;
  return extent;
}

// Leaves.
[[nodiscard]] NodePtr stored_node(std::shared_ptr<const ByteSource> source, std::uint64_t offset);
[[nodiscard]] NodePtr zeros_node();
[[nodiscard]] NodePtr computed_node(std::shared_ptr<const Computation> computation, std::size_t output);

/// `length` bytes from `skip` of each block of the child.
[[nodiscard]] NodePtr slice_node(NodePtr child, std::uint64_t child_block, std::uint64_t skip, std::uint64_t length);

struct ConcatPart {
  NodePtr node;
  std::uint64_t block;  ///< bytes that this part gives to each block of the output
};
/// Block i is block i of the first part, then block i of the second, and so on.
[[nodiscard]] NodePtr concat_node(std::vector<ConcatPart> parts);

/// Each block rotated to the right by bytes: `shifts[i / blocks_per_shift]` for block i, less than `block`.
[[nodiscard]] NodePtr roll_node(NodePtr child, std::uint64_t block, std::vector<std::uint64_t> shifts,
                                std::uint64_t blocks_per_shift);

/// Rows `indices` of each block of the child.
[[nodiscard]] NodePtr take_node(NodePtr child, std::uint64_t child_block, std::uint64_t row, std::vector<std::int64_t> indices);

/// Call fn(i, from, to) for the part [from, to) of each block i that bytes [begin, end) touch.
template <typename Function>
void for_each_block(std::uint64_t begin, std::uint64_t end, std::uint64_t block, const Function& fn) {
  while (begin < end) {
    const std::uint64_t index = begin / block;
    const std::uint64_t from = begin - index * block;
    const std::uint64_t to = std::min(block, from + (end - begin));
    fn(index, from, to);
    begin += to - from;
  }
}

}  // namespace kvcache::detail

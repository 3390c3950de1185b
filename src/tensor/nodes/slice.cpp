#include <utility>

#include "tensor/nodes/node.h"

namespace kvcache::detail {
namespace {

class Slice final : public Node {
 public:
  Slice(NodePtr child, std::uint64_t child_block, std::uint64_t skip, std::uint64_t length)
      : child_(std::move(child)), child_block_(child_block), skip_(skip), length_(length) {}
  void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const override {
    for_each_block(begin, end, length_, [&](std::uint64_t block, std::uint64_t from, std::uint64_t to) {
      const std::uint64_t start = block * child_block_ + skip_;
      child_->visit(start + from, start + to, sink);
    });
  }

 private:
  NodePtr child_;
  std::uint64_t child_block_;
  std::uint64_t skip_;
  std::uint64_t length_;
};

}  // namespace

NodePtr slice_node(NodePtr child, std::uint64_t child_block, std::uint64_t skip, std::uint64_t length) {
  return std::make_shared<Slice>(std::move(child), child_block, skip, length);
}

}  // namespace kvcache::detail

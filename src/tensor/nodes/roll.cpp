#include <utility>

#include "tensor/nodes/node.h"

namespace kvcache::detail {
namespace {

class Roll final : public Node {
 public:
  Roll(NodePtr child, std::uint64_t block, std::vector<std::uint64_t> shifts, std::uint64_t blocks_per_shift)
      : child_(std::move(child)), block_(block), shifts_(std::move(shifts)), blocks_per_shift_(blocks_per_shift) {}
  void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const override {
    for_each_block(begin, end, block_, [&](std::uint64_t block, std::uint64_t from, std::uint64_t to) {
      const std::uint64_t shift = shifts_[block / blocks_per_shift_];
      const std::uint64_t start = block * block_;
      // The last `shift` bytes of the block come to its front.
      if (from < shift) {
        const std::uint64_t tail = start + block_ - shift;
        child_->visit(tail + from, tail + std::min(to, shift), sink);
      }
      if (to > shift) child_->visit(start + std::max(from, shift) - shift, start + to - shift, sink);
    });
  }

 private:
  NodePtr child_;
  std::uint64_t block_;
  std::vector<std::uint64_t> shifts_;
  std::uint64_t blocks_per_shift_;
};

}  // namespace

NodePtr roll_node(NodePtr child, std::uint64_t block, std::vector<std::uint64_t> shifts, std::uint64_t blocks_per_shift) {
  return std::make_shared<Roll>(std::move(child), block, std::move(shifts), blocks_per_shift);
}

}  // namespace kvcache::detail

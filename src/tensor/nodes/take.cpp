#include <utility>

#include "tensor/nodes/node.h"

namespace kvcache::detail {
namespace {

class Take final : public Node {
 public:
  Take(NodePtr child, std::uint64_t child_block, std::uint64_t row, std::vector<std::int64_t> indices)
      : child_(std::move(child)), child_block_(child_block), row_(row), indices_(std::move(indices)) {}
  void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const override {
    for_each_block(begin, end, row_ * indices_.size(), [&](std::uint64_t block, std::uint64_t from, std::uint64_t to) {
      visit_block(block * child_block_, from, to, sink);
    });
  }

 private:
  void visit_block(std::uint64_t start, std::uint64_t from, std::uint64_t to, const ExtentSink& sink) const {
    while (from < to) {
      const std::uint64_t first = from / row_;
      // Ascending indices are one run of the child: asking for it at once spares the nodes below a visit for each row.
      std::uint64_t next = first + 1;
      while (next * row_ < to && indices_[next] == indices_[next - 1] + 1) ++next;
      const std::uint64_t stop = std::min(to, next * row_);
      const std::uint64_t source = start + static_cast<std::uint64_t>(indices_[first]) * row_ + (from - first * row_);
      child_->visit(source, source + (stop - from), sink);
      from = stop;
    }
  }

  NodePtr child_;
  std::uint64_t child_block_;
  std::uint64_t row_;
  std::vector<std::int64_t> indices_;
};

}  // namespace

NodePtr take_node(NodePtr child, std::uint64_t child_block, std::uint64_t row, std::vector<std::int64_t> indices) {
  return std::make_shared<Take>(std::move(child), child_block, row, std::move(indices));
}

}  // namespace kvcache::detail

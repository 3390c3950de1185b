#include <utility>

#include "tensor/nodes/node.h"

namespace kvcache::detail {
namespace {

class Concat final : public Node {
 public:
  explicit Concat(std::vector<ConcatPart> parts) : parts_(std::move(parts)) {
    ends_.reserve(parts_.size());
    std::uint64_t end = 0;
    for (const ConcatPart& part : parts_) ends_.push_back(end += part.block);
  }

  void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const override {
    for_each_block(begin, end, ends_.back(),
                   [&](std::uint64_t block, std::uint64_t from, std::uint64_t to) { visit_block(block, from, to, sink); });
  }

 private:
  // Bisects for the first part: merging a folder of caches may give thousands, and readers ask for a tile at a time.
  void visit_block(std::uint64_t block, std::uint64_t from, std::uint64_t to, const ExtentSink& sink) const {
    auto i = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), from) - ends_.begin());
    for (; from < to; ++i) {
      const ConcatPart& part = parts_[i];
      const std::uint64_t stop = std::min(to, ends_[i]);
      // Positions within this part: its block starts at ends_[i] - part.block of ours.
      const std::uint64_t start = block * part.block;
      part.node->visit(start + (part.block - (ends_[i] - from)), start + (part.block - (ends_[i] - stop)), sink);
      from = stop;
    }
  }

  std::vector<ConcatPart> parts_;
  std::vector<std::uint64_t> ends_;  // of each part within a block
};

}  // namespace

NodePtr concat_node(std::vector<ConcatPart> parts) {
  return std::make_shared<Concat>(std::move(parts));
}

}  // namespace kvcache::detail

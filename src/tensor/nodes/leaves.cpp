// Where bytes come from: a source, nowhere (zeros), or a computation.
#include <utility>

#include "tensor/nodes/node.h"

namespace kvcache::detail {
namespace {

class Stored final : public Node {
 public:
  Stored(std::shared_ptr<const ByteSource> source, std::uint64_t offset) : source_(std::move(source)), offset_(offset) {}
  void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const override {
    sink(bytes_of(*source_, offset_ + begin, end - begin));
  }

 private:
  std::shared_ptr<const ByteSource> source_;
  std::uint64_t offset_;
};

class Zeros final : public Node {
 public:
  void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const override {
    Extent extent;
    extent.length = end - begin;
    sink(extent);
  }
};

class Computed final : public Node {
 public:
  Computed(std::shared_ptr<const Computation> computation, std::size_t output)
      : computation_(std::move(computation)), output_(output) {}
  void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const override {
    Extent extent;
    extent.kind = Extent::Kind::computed;
    extent.length = end - begin;
    extent.computation = computation_.get();
    extent.output = output_;
    extent.offset = begin;
    sink(extent);
  }

 private:
  std::shared_ptr<const Computation> computation_;
  std::size_t output_;
};

}  // namespace

NodePtr stored_node(std::shared_ptr<const ByteSource> source, std::uint64_t offset) {
  return std::make_shared<Stored>(std::move(source), offset);
}

NodePtr zeros_node() {
  // Has no state, so that padding thousands of tensors needs only one.
  static const NodePtr zeros = std::make_shared<Zeros>();
  return zeros;
}

NodePtr computed_node(std::shared_ptr<const Computation> computation, std::size_t output) {
  return std::make_shared<Computed>(std::move(computation), output);
}

}  // namespace kvcache::detail

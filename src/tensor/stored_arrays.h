// All arrays of one file, as tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kvcache/tensor.h"
#include "tensor/nodes/node.h"

namespace kvcache::detail {

/// The nodes of all arrays of a source in one piece of memory: each tensor keeps all of them, and the source, alive. A header
/// has thousands, and a piece for each took a tenth of the time of decoding it.
class StoredArrays {
 public:
  /// Room for `count` arrays. Each is placed before it is asked for.
  StoredArrays(std::shared_ptr<const ByteSource> source, std::size_t count) : source_(std::move(source)), nodes_(count) {}
  /// Array `index` begins at byte `offset` of the source.
  void place(std::size_t index, std::uint64_t offset) { nodes_[index].place(*source_, offset); }
  /// It as a tensor. The caller has checked how many bytes it has, and that they lie in the source.
  [[nodiscard]] static Tensor tensor(const std::shared_ptr<const StoredArrays>& arrays, std::size_t index, Dtype dtype,
                                     Shape shape);

 private:
  class Stored final : public Node {
   public:
    void place(const ByteSource& source, std::uint64_t offset) {
      source_ = &source;
      offset_ = offset;
    }
    void visit(std::uint64_t begin, std::uint64_t end, const ExtentSink& sink) const override {
      sink(bytes_of(*source_, offset_ + begin, end - begin));
    }

   private:
    const ByteSource* source_ = nullptr;
    std::uint64_t offset_ = 0;
  };

  std::shared_ptr<const ByteSource> source_;
  std::vector<Stored> nodes_;
};

}  // namespace kvcache::detail

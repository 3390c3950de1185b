#include "tensor/scratch.h"

#include <memory>
#include <vector>

namespace kvcache {
namespace {

constexpr std::size_t cache_line = 64;

struct Buffer {
  std::unique_ptr<std::byte[]> bytes;
  std::size_t size = 0;
};

struct Stack {
  std::vector<Buffer> buffers;
  std::size_t depth = 0;
};
thread_local Stack stack;

}  // namespace

Scratch::Scratch(std::size_t bytes) {
  if (stack.depth == stack.buffers.size()) stack.buffers.emplace_back();
  Buffer& buffer = stack.buffers[stack.depth];
  if (buffer.size < bytes + cache_line) {
    // The smaller one goes first. What is not used, as where the kernel copies, is never touched.
    buffer = {};
    buffer = {std::make_unique_for_overwrite<std::byte[]>(bytes + cache_line), bytes + cache_line};
  }
  void* start = buffer.bytes.get();
  std::size_t space = buffer.size;
  data_ = static_cast<std::byte*>(std::align(cache_line, bytes, start, space));
  ++stack.depth;
}

Scratch::~Scratch() {
  --stack.depth;
}

}  // namespace kvcache

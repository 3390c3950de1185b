#include "tensor/scratch.h"

#include <memory>
#include <vector>

namespace kvcache {
namespace {

constexpr std::size_t cache_line = 64;

struct Stack {
  std::vector<std::vector<std::byte>> buffers;
  std::size_t depth = 0;
};
thread_local Stack stack;

}  // namespace

Scratch::Scratch(std::size_t bytes) {
  if (stack.depth == stack.buffers.size()) stack.buffers.emplace_back();
  std::vector<std::byte>& buffer = stack.buffers[stack.depth];
  if (buffer.size() < bytes + cache_line) buffer = std::vector<std::byte>(bytes + cache_line);
  void* start = buffer.data();
  std::size_t space = buffer.size();
  data_ = static_cast<std::byte*>(std::align(cache_line, bytes, start, space));
  ++stack.depth;
}

Scratch::~Scratch() {
  --stack.depth;
}

}  // namespace kvcache

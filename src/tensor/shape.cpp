// Shapes of more than a few dimensions, which are rare.
#include "kvcache/shape.h"

#include <memory>

namespace kvcache {

/// Gives room for `rank` dimensions and keeps as many as fit; the rest are not set.
void Shape::move_to(std::size_t rank) {
  if (rank == size_) return;
  const std::size_t kept = std::min(rank, size_);
  if (rank > few) {
    auto* const larger = std::allocator<std::int64_t>().allocate(rank);
    std::copy_n(data(), kept, larger);
    release();
    many_ = larger;
  } else {
    std::array<std::int64_t, few> dims{};
    std::copy_n(data(), kept, dims.begin());
    release();
    few_ = dims;
  }
  size_ = rank;
}

void Shape::release_many() noexcept {
  std::allocator<std::int64_t>().deallocate(many_, size_);
}

}  // namespace kvcache

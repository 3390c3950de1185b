// Buffers for the tiles of a computation, kept by each thread: first use of fresh memory costs six times the copy into it.
#pragma once

#include <cstddef>
#include <span>

namespace kvcache {

/// A buffer of this thread, taken for the lifetime of the object. Nest as blocks do: a computation whose input is a computation
/// gets another one. Contents are undefined; starts at a cache line.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::span<std::byte> first(std::size_t bytes) const noexcept { return {data_, bytes}; }

 private:
  std::byte* data_;
};

/// Input bytes that a computation reads and converts at a time: in the L2 cache together with what becomes of them.
inline constexpr std::size_t tile_bytes = std::size_t{128} << 10U;

}  // namespace kvcache

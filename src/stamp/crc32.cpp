#include "stamp/crc32.h"

#include <zlib.h>

#include <array>

#include "tensor/simd/fold_crc32.h"

namespace kvcache::detail {
namespace {

std::uint32_t by_tables(std::uint32_t crc, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

std::uint32_t crc32_after(std::uint32_t crc, std::span<const std::byte> bytes) {
  std::array<std::byte, 16> folded{};
  const std::size_t done = simd::fold_crc32(crc, bytes, folded);
  // zlib inverts the register before and after, so that this begins with zeros.
  constexpr std::uint32_t register_of_zeros = 0xFFFFFFFF;
  if (done > 0) crc = by_tables(register_of_zeros, folded);
  return by_tables(crc, bytes.subspan(done));
}

}  // namespace kvcache::detail

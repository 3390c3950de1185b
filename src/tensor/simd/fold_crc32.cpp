// CRC-32 by multiplication without carries: 64 bytes at a time become the 16 that have the same remainder.
//
// The method is that of V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel,
// 2009), for bits in reflected order. The constants are x^(d+32) and x^(d-32) modulo the polynomial of zlib, reflected, where d
// is the distance in bits that a block is moved by.
#include "tensor/simd/fold_crc32.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/simd/fold_crc32.cpp"
#include <hwy/foreach_target.h>
//
#include <array>
#include <cstring>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Where there is no such instruction Highway multiplies bit by bit, which tables beat.
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128 || (HWY_ARCH_ARM && !defined(__ARM_FEATURE_AES))
std::size_t FoldCrc32(std::uint32_t, const std::byte*, std::size_t, std::byte*) {
  return 0;
}
#else

using D = hn::FixedTag<std::uint64_t, 2>;
using Block = hn::Vec<D>;

Block load(const std::byte* bytes) {
  std::array<std::uint64_t, 2> words;  // set by the next line
  std::memcpy(words.data(), bytes, sizeof words);
  return hn::LoadU(D(), words.data());
}

/// A block moved onto the place of `next`.
Block fold(Block block, Block powers, Block next) {
  return hn::Xor(next, hn::Xor(hn::CLMulLower(block, powers), hn::CLMulUpper(block, powers)));
}

std::size_t FoldCrc32(std::uint32_t crc, const std::byte* bytes, std::size_t size, std::byte* out) {
  constexpr std::size_t block_bytes = 16;
  constexpr std::size_t blocks = 4;
  constexpr std::size_t step = blocks * block_bytes;
  if (size < step) return 0;
  constexpr std::array<std::uint64_t, 2> over_four = {0x154442bd4, 0x1c6e41596};  // d = 512 bits
  constexpr std::array<std::uint64_t, 2> over_one = {0x1751997d0, 0x0ccaa009e};   // d = 128 bits
  const std::array<std::uint64_t, 2> before = {~crc, 0};

  Block a = hn::Xor(load(bytes), hn::LoadU(D(), before.data()));
  Block b = load(bytes + block_bytes);
  Block c = load(bytes + 2 * block_bytes);
  Block d = load(bytes + 3 * block_bytes);
  const Block far = hn::LoadU(D(), over_four.data());
  std::size_t done = step;
  for (; size - done >= step; done += step) {
    a = fold(a, far, load(bytes + done));
    b = fold(b, far, load(bytes + done + block_bytes));
    c = fold(c, far, load(bytes + done + 2 * block_bytes));
    d = fold(d, far, load(bytes + done + 3 * block_bytes));
  }
  const Block near = hn::LoadU(D(), over_one.data());
  const Block all = fold(fold(fold(a, near, b), near, c), near, d);
  std::array<std::uint64_t, 2> words;  // set by the next line
  hn::StoreU(all, D(), words.data());
  std::memcpy(out, words.data(), sizeof words);
  return done;
}

#endif

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcache::simd {

HWY_EXPORT(FoldCrc32);

std::size_t fold_crc32(std::uint32_t crc, std::span<const std::byte> bytes, std::span<std::byte, 16> out) {
  return HWY_DYNAMIC_DISPATCH(FoldCrc32)(crc, bytes.data(), bytes.size(), out.data());
}

}  // namespace kvcache::simd
#endif

// Codes of 2 to 8 bits, one per byte, to and from a little-endian bitstream: code j of a row is its bits [j*b, (j+1)*b).
// Included once per instruction set.
#include <hwy/highway.h>

#if defined(KVCACHE_BITSTREAM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef KVCACHE_BITSTREAM_INL_H
#undef KVCACHE_BITSTREAM_INL_H
#else
#define KVCACHE_BITSTREAM_INL_H
#endif

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Bytes that pack() writes and unpack() reads and writes beyond the end, at most.
inline constexpr std::size_t bitstream_slack = 64;

// Eight codes are as many bytes as a code has bits, so the stream falls into pieces of eight codes: one 64-bit lane each.
// Three halvings of the gaps between the codes bring them together: in lanes of 16, 32 and 64 bits the upper half, holding
// `width` bits, moves down to just above the lower half. Apart is the same backwards.

template <int width, class D>
HWY_INLINE hn::Vec<D> close_gap(D d, hn::Vec<D> v) {
  using T = hn::TFromD<D>;
  constexpr int half = 4 * sizeof(T);
  constexpr T low = static_cast<T>((std::uint64_t{1} << width) - 1);
  constexpr T high = static_cast<T>(std::uint64_t{low} << width);
  if constexpr (width == half) return v;
  return hn::Or(hn::And(v, hn::Set(d, low)), hn::And(hn::ShiftRight<half - width>(v), hn::Set(d, high)));
}

template <int width, class D>
HWY_INLINE hn::Vec<D> open_gap(D d, hn::Vec<D> v) {
  using T = hn::TFromD<D>;
  constexpr int half = 4 * sizeof(T);
  constexpr T low = static_cast<T>((std::uint64_t{1} << width) - 1);
  constexpr T high = static_cast<T>(std::uint64_t{low} << half);
  if constexpr (width == half) return v;
  return hn::Or(hn::And(v, hn::Set(d, low)), hn::And(hn::ShiftLeft<half - width>(v), hn::Set(d, high)));
}

#if HWY_TARGET != HWY_SCALAR  // whose one lane cannot be looked at as several narrower ones

// A block of 16 bytes holds two pieces, together 2*bits bytes in the stream. Blocks are moved whole, at that distance: each
// store overwrites the empty bytes of the one before it.

template <class D>
HWY_INLINE void store_blocks(D d, hn::Vec<D> v, std::size_t distance, std::uint8_t* HWY_RESTRICT out) {
  if constexpr (hn::MaxLanes(d) <= 16) {
    hn::StoreU(v, d, out);
  } else {
    const hn::Half<D> half;
    store_blocks(half, hn::LowerHalf(half, v), distance, out);
    store_blocks(half, hn::UpperHalf(half, v), distance, out + distance * (hn::MaxLanes(half) / 16));
  }
}

template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, std::size_t distance, const std::uint8_t* HWY_RESTRICT in) {
  if constexpr (hn::MaxLanes(d) <= 16) {
    return hn::LoadU(d, in);
  } else {
    const hn::Half<D> half;
    const auto upper = load_blocks(half, distance, in + distance * (hn::MaxLanes(half) / 16));
    return hn::Combine(d, upper, load_blocks(half, distance, in));
  }
}

/// For TableLookupBytes: where each byte of a block comes from; 0x80 makes it zero.
struct Shuffle {
  alignas(16) std::uint8_t from[16];
};
constexpr Shuffle joining(int bits) {
  Shuffle shuffle{};
  for (int i = 0; i < 16; ++i) shuffle.from[i] = static_cast<std::uint8_t>(i < bits ? i : i < 2 * bits ? 8 + i - bits : 0x80);
  return shuffle;
}
constexpr Shuffle parting(int bits) {
  Shuffle shuffle{};
  for (int i = 0; i < 16; ++i) shuffle.from[i] = static_cast<std::uint8_t>(i % 8 < bits ? i / 8 * bits + i % 8 : 0x80);
  return shuffle;
}

template <int bits>
void pack(const std::uint8_t* HWY_RESTRICT codes, std::size_t count, std::uint8_t* HWY_RESTRICT out) {
  static constexpr Shuffle shuffle = joining(bits);
  const hn::ScalableTag<std::uint8_t> d8;
  const hn::Repartition<std::uint16_t, decltype(d8)> d16;
  const hn::Repartition<std::uint32_t, decltype(d8)> d32;
  const hn::Repartition<std::uint64_t, decltype(d8)> d64;
  const auto join = hn::LoadDup128(d8, shuffle.from);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d8)) {
    const auto pairs = close_gap<bits>(d16, hn::BitCast(d16, hn::LoadU(d8, codes + i)));
    const auto fours = close_gap<2 * bits>(d32, hn::BitCast(d32, pairs));
    const auto eights = close_gap<4 * bits>(d64, hn::BitCast(d64, fours));
    store_blocks(d8, hn::TableLookupBytes(hn::BitCast(d8, eights), join), 2 * bits, out);
    out += hn::Lanes(d64) * bits;
  }
}

template <int bits>
void unpack(const std::uint8_t* HWY_RESTRICT in, std::size_t count, std::uint8_t* HWY_RESTRICT codes) {
  static constexpr Shuffle shuffle = parting(bits);
  const hn::ScalableTag<std::uint8_t> d8;
  const hn::Repartition<std::uint16_t, decltype(d8)> d16;
  const hn::Repartition<std::uint32_t, decltype(d8)> d32;
  const hn::Repartition<std::uint64_t, decltype(d8)> d64;
  const auto part = hn::LoadDup128(d8, shuffle.from);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d8)) {
    const auto eights = hn::TableLookupBytes(load_blocks(d8, 2 * bits, in), part);
    const auto fours = open_gap<4 * bits>(d64, hn::BitCast(d64, eights));
    const auto pairs = open_gap<2 * bits>(d32, hn::BitCast(d32, fours));
    hn::StoreU(hn::BitCast(d8, open_gap<bits>(d16, hn::BitCast(d16, pairs))), d8, codes + i);
    in += hn::Lanes(d64) * bits;
  }
}

#endif

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KVCACHE_BITSTREAM_INL_H

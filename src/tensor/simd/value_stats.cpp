// Everything that statistics count of a value, in one look at it. The sums are those of scalar::add_values to the last bit: a
// value minus the shift is a float, whose square is exact in double, so that fused and separate operations agree; and the lanes
// that are summed do not depend on the width of vectors.
#include "tensor/simd/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/simd/value_stats.cpp"
#include <hwy/foreach_target.h>
//
#include <algorithm>
#include <cmath>
#include <cstring>

#include <hwy/highway.h>
#include "tensor/quantize_scalar.h"
#include "tensor/simd/float_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvcache::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
bool AddValues(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, const ValueRange& range,
               float* channels, ValueSums& sums) {
  scalar::add_values(dtype, values, rows, width, range, channels, sums);
  return sums.nan + sums.infinite == 0;
}
void RowSquares(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, double* out) {
  scalar::row_squares(dtype, values, rows, width, out);
}
#else

using Floats = hn::CappedTag<float, sum_lanes>;
using Doubles = hn::Repartition<double, Floats>;
using FloatVec = hn::Vec<Floats>;
using DoubleVec = hn::Vec<Doubles>;
constexpr std::size_t float_lanes = hn::MaxLanes(Floats());
constexpr std::size_t vectors = sum_lanes / float_lanes;  ///< of floats: 1 with AVX-512, 2 with AVX2, 4 with SSE4 and NEON

/// Bins of the values of a piece, one byte each, and how often each comes. Adding one to a counter for each value would be most
/// of the time of the kernel, and comparing all bytes with one bin after the other a third of it. So a byte becomes one bit of
/// eight, for each group of eight bins by a table, and the bits at each place are counted by full adders: three vectors of bits
/// in, a vector of sums and one of carries out.
class Bins {
 public:
  /// Where the next byte goes; held in a register by who calls put() in a loop, as bytes may alias everything.
  [[nodiscard]] std::uint8_t* end() { return bytes_ + size_; }
  void set_end(const std::uint8_t* end) { size_ = static_cast<std::size_t>(end - bytes_); }

  template <class D, class V>
  static HWY_INLINE void put(D d, V place, std::uint8_t* to) {
    const hn::RebindToSigned<D> di;
    const hn::Rebind<std::uint8_t, D> d8;
    const auto highest = hn::Set(d, static_cast<float>(ValueSums::bins + 1));
    const auto bin = hn::ConvertTo(di, hn::Min(hn::Max(place, hn::Zero(d)), highest));
    hn::StoreU(hn::DemoteTo(d8, bin), d8, to);
  }
  HWY_INLINE void put_one(float place) {
    bytes_[size_++] = static_cast<std::uint8_t>(std::min(std::max(place, 0.0F), static_cast<float>(ValueSums::bins + 1)));
  }

  void count(ValueSums& sums) {
    // Whole blocks: what fills the last one is bin 0, and taken off again.
    const std::size_t block = adders * hn::Lanes(Bytes());
    const std::size_t blocks = (size_ + block - 1) / block;
    std::memset(bytes_ + size_, 0, blocks * block - size_);
    static_assert(bins == 26, "four groups of eight, and two bins are the last one's");
    count_group<0>(blocks, sums);
    count_group<1>(blocks, sums);
    count_group<2>(blocks, sums);
    count_group<3>(blocks, sums);
    sums.histogram[0] -= blocks * block - size_;
  }

 private:
  using Bytes = hn::ScalableTag<std::uint8_t>;
  using ByteVec = hn::Vec<Bytes>;
  static constexpr std::size_t bins = ValueSums::bins + 2;
  static constexpr std::size_t adders = 8;  ///< vectors of a block

  /// Adds two bits at each place to the one in `sum`. Returns what is over.
  static HWY_INLINE ByteVec add_bits(ByteVec& sum, ByteVec a, ByteVec b) {
    const ByteVec differ = hn::Xor(sum, a);
    const ByteVec carry = hn::OrAnd(hn::And(sum, a), differ, b);
    sum = hn::Xor(differ, b);
    return carry;
  }

  /// Of each byte the bit of its bin, for bins 8 * group to 8 * group + 7; no bit for others.
  template <std::size_t group>
  static HWY_INLINE ByteVec bit_of(ByteVec table, const std::uint8_t* bytes) {
    const Bytes d;
    const ByteVec bin = hn::LoadU(d, bytes);
    // The table has 16 places, and none for what has the highest bit.
    if constexpr (group < 2) {
      return hn::TableLookupBytesOr0(table, hn::And(hn::Add(bin, hn::Set(d, 0x70)), hn::Set(d, 0x8F)));
    } else {
      return hn::TableLookupBytesOr0(table, hn::Sub(bin, hn::Set(d, 0x10)));
    }
  }

  template <std::size_t group>
  HWY_INLINE void count_group(std::size_t blocks, ValueSums& sums) const {
    const Bytes d;
    const hn::Repartition<std::uint64_t, Bytes> d64;
    alignas(16) std::uint8_t bits[16] = {};
    for (std::size_t i = 0; i < 8; ++i) bits[group % 2 * 8 + i] = static_cast<std::uint8_t>(1U << i);
    const ByteVec table = hn::LoadDup128(d, bits);
    const std::size_t lanes = hn::Lanes(d);
    ByteVec ones = hn::Zero(d), twos = hn::Zero(d), fours = hn::Zero(d);
    ByteVec eights[8];
    for (ByteVec& counter : eights) counter = hn::Zero(d);
    const std::uint8_t* at = bytes_;
    const auto next = [&]() HWY_ATTR {
      const ByteVec bit = bit_of<group>(table, at);
      at += lanes;
      return bit;
    };
    for (std::size_t block = 0; block < blocks; ++block) {
      ByteVec four[2];
      for (ByteVec& carry : four) {
        const ByteVec a = next(), b = next();
        const ByteVec two = add_bits(ones, a, b);
        const ByteVec c = next(), e = next();
        carry = add_bits(twos, two, add_bits(ones, c, e));
      }
      const ByteVec eight = add_bits(fours, four[0], four[1]);
      for (std::size_t i = 0; i < 8; ++i)
        eights[i] = hn::Sub(eights[i], hn::VecFromMask(d, hn::TestBit(eight, hn::Set(d, static_cast<std::uint8_t>(1U << i)))));
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(8, bins - 8 * group); ++i) {
      const ByteVec place = hn::Set(d, static_cast<std::uint8_t>(1U << i));
      const auto set = [&](ByteVec bit) HWY_ATTR { return hn::CountTrue(d, hn::TestBit(bit, place)); };
      sums.histogram[8 * group + i] +=
          8 * hn::GetLane(hn::SumOfLanes(d64, hn::SumsOf8(eights[i]))) + 4 * set(fours) + 2 * set(twos) + set(ones);
    }
  }

  std::size_t size_ = 0;
  alignas(64) std::uint8_t bytes_[max_piece + adders * 64];
};

template <class Lanes>
class Piece {
 public:
  explicit Piece(const ValueRange& range) : range_(range) {}

  /// Sums [rows, width]; false when some value is not finite.
  bool add(const std::byte* values, std::size_t rows, std::size_t width, float* channels, ValueSums& sums) {
    const std::size_t whole = width / sum_lanes * sum_lanes;
    add_whole(values, rows, width, whole, channels);
    if (whole < width) add_rest(values, rows, width, whole, channels);
    const double sum_sq = sum_of_lanes(sum_sq_);
    // A sum of squares of floats cannot overflow a double.
    if (!std::isfinite(sum_sq)) return false;
    sums.sum += sum_of_lanes(sum_);
    sums.sum_sq += sum_sq;
    sums.min = std::min(sums.min, min_);
    sums.max = std::max(sums.max, max_);
    sums.zeros += zeros_;
    sums.finite += rows * width;
    bins_.count(sums);
    return true;
  }

 private:
  static constexpr std::size_t item = sizeof(typename Lanes::Bits);

  void add_whole(const std::byte* values, std::size_t rows, std::size_t width, std::size_t whole, float* channels) {
    const Floats d;
    const Doubles dd;
    const hn::Half<Floats> dh;
    const FloatVec shift = hn::Set(d, range_.shift), low = hn::Set(d, range_.low), scale = hn::Set(d, range_.scale);
    const FloatVec one = hn::Set(d, 1.0F);
    std::uint8_t* bin = bins_.end();
    std::size_t zeros = 0;
    FloatVec min = hn::Set(d, min_), max = hn::Set(d, max_);
    DoubleVec sum[2 * vectors], sum_sq[2 * vectors];
    for (std::size_t v = 0; v < 2 * vectors; ++v) sum[v] = sum_sq[v] = hn::Zero(dd);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::byte* const start = values + row * width * item;
      for (std::size_t column = 0; column < whole; column += sum_lanes) {
        for (std::size_t v = 0; v < vectors; ++v) {
          const std::size_t at = column + v * float_lanes;
          const FloatVec value = Lanes::load(d, start + at * item);
          min = hn::Min(min, value);
          max = hn::Max(max, value);
          zeros += hn::CountTrue(d, hn::Eq(value, hn::Zero(d)));
          Bins::put(d, hn::Add(hn::Mul(hn::Sub(value, low), scale), one), bin);
          bin += float_lanes;
          if (channels != nullptr) hn::StoreU(hn::Add(hn::LoadU(d, channels + at), hn::Abs(value)), d, channels + at);
          const FloatVec shifted = hn::Sub(value, shift);
          const DoubleVec lower = hn::PromoteTo(dd, hn::LowerHalf(dh, shifted));
          const DoubleVec upper = hn::PromoteTo(dd, hn::UpperHalf(dh, shifted));
          sum[2 * v] = hn::Add(sum[2 * v], lower);
          sum[2 * v + 1] = hn::Add(sum[2 * v + 1], upper);
          sum_sq[2 * v] = hn::MulAdd(lower, lower, sum_sq[2 * v]);
          sum_sq[2 * v + 1] = hn::MulAdd(upper, upper, sum_sq[2 * v + 1]);
        }
      }
    }
    bins_.set_end(bin);
    zeros_ += zeros;
    min_ = hn::GetLane(hn::MinOfLanes(d, min));
    max_ = hn::GetLane(hn::MaxOfLanes(d, max));
    for (std::size_t v = 0; v < 2 * vectors; ++v) {
      hn::StoreU(sum[v], dd, sum_.data() + v * hn::Lanes(dd));
      hn::StoreU(sum_sq[v], dd, sum_sq_.data() + v * hn::Lanes(dd));
    }
  }

  void add_rest(const std::byte* values, std::size_t rows, std::size_t width, std::size_t whole, float* channels) {
    constexpr Dtype dtype = Lanes::dtype;
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = whole; column < width; ++column) {
        const float value = scalar::load(dtype, values + (row * width + column) * item);
        min_ = std::min(min_, value);
        max_ = std::max(max_, value);
        zeros_ += value == 0 ? 1 : 0;
        // The conversion of NaN to an integer is undefined; the piece is given up anyway.
        bins_.put_one(std::isnan(value) ? 0.0F : (value - range_.low) * range_.scale + 1.0F);
        if (channels != nullptr) channels[column] += std::fabs(value);
        const double shifted = value - range_.shift;
        sum_[column - whole] += shifted;
        sum_sq_[column - whole] += shifted * shifted;
      }
    }
  }

  const ValueRange& range_;
  Bins bins_;
  float min_ = std::numeric_limits<float>::infinity();
  float max_ = -std::numeric_limits<float>::infinity();
  std::uint64_t zeros_ = 0;
  std::array<double, sum_lanes> sum_{}, sum_sq_{};
};

template <class Lanes>
bool add_values_as(const std::byte* values, std::size_t rows, std::size_t width, const ValueRange& range, float* channels,
                   ValueSums& sums) {
  bool finite = true;
  each_piece(rows, width, [&](std::size_t first, std::size_t piece_rows, std::size_t piece_width) {
    if (!finite) return;
    Piece<Lanes> piece(range);
    float* const of_piece = channels == nullptr ? nullptr : channels + first % width;
    finite = piece.add(values + first * sizeof(typename Lanes::Bits), piece_rows, piece_width, of_piece, sums);
  });
  return finite;
}

bool AddValues(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, const ValueRange& range,
               float* channels, ValueSums& sums) {
  if (dtype == Dtype::F16) return add_values_as<F16Lanes>(values, rows, width, range, channels, sums);
  if (dtype == Dtype::BF16) return add_values_as<Bf16Lanes>(values, rows, width, range, channels, sums);
  return add_values_as<F32Lanes>(values, rows, width, range, channels, sums);
}

/// In single precision, which is plenty for a picture; false when that overflows or a value is not finite.
template <class Lanes>
bool row_squares_as(const std::byte* values, std::size_t rows, std::size_t width, double* out) {
  const Floats d;
  constexpr std::size_t item = sizeof(typename Lanes::Bits);
  for (std::size_t row = 0; row < rows; ++row) {
    FloatVec sum = hn::Zero(d);
    const std::byte* const start = values + row * width * item;
    std::size_t column = 0;
    for (; column + hn::Lanes(d) <= width; column += hn::Lanes(d)) {
      const FloatVec value = Lanes::load(d, start + column * item);
      sum = hn::MulAdd(value, value, sum);
    }
    double total = hn::GetLane(hn::SumOfLanes(d, sum));
    for (; column < width; ++column) {
      const double value = scalar::load(Lanes::dtype, start + column * item);
      total += value * value;
    }
    if (!std::isfinite(total)) return false;
    out[row] = total;
  }
  return true;
}

void RowSquares(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, double* out) {
  const bool done = dtype == Dtype::F16    ? row_squares_as<F16Lanes>(values, rows, width, out)
                    : dtype == Dtype::BF16 ? row_squares_as<Bf16Lanes>(values, rows, width, out)
                                           : row_squares_as<F32Lanes>(values, rows, width, out);
  if (!done) scalar::row_squares(dtype, values, rows, width, out);
}

#endif

}  // namespace kvcache::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcache::simd {

HWY_EXPORT(AddValues);
HWY_EXPORT(RowSquares);

bool add_values(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, const ValueRange& range,
                float* channels, ValueSums& sums) {
  return HWY_DYNAMIC_DISPATCH(AddValues)(dtype, values, rows, width, range, channels, sums);
}

void row_squares(Dtype dtype, const std::byte* values, std::size_t rows, std::size_t width, double* out) {
  HWY_DYNAMIC_DISPATCH(RowSquares)(dtype, values, rows, width, out);
}

}  // namespace kvcache::simd
#endif

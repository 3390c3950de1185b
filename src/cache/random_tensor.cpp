// Random values from a counter: value i of a stream is a function of i, so that tiles can be computed in any order.
#include <algorithm>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "cache/normal_table.h"
#include "kvcache/error.h"
#include "kvcache/generate.h"
#include "kvcache/quantize.h"

namespace kvcache {
namespace {

constexpr std::uint64_t golden = 0x9E3779B97F4A7C15U;

// SplitMix64's finalizer: 64 bits of which every one depends on all bits of `x`.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

// The table in F16 or BF16: four values then cost one mixed() and four loads.
std::vector<std::uint16_t> half_table(std::uint16_t (*convert)(float) noexcept) {
  std::vector<std::uint16_t> table;
  for (const std::int16_t value : detail::normal_table())
    table.push_back(convert(static_cast<float>(value) * (1.0F / detail::normal_deviation)));
  return table;
}

struct Halves {
  using Value = std::uint16_t;
  static constexpr std::size_t per_block = 4;
  const std::uint16_t* table;
  void block(std::uint64_t bits, Value* out) const {
    for (std::size_t i = 0; i < per_block; ++i) out[i] = table[(bits >> (16U * i)) & 0xFFFFU];
  }
};

struct Floats {
  using Value = float;
  static constexpr std::size_t per_block = 2;
  const std::int16_t* table;
  void block(std::uint64_t bits, Value* out) const {
    // The table has 4,093 different values: twelve more bits fill the steps between them. Below 2^24, so that only the
    // multiplication rounds.
    constexpr float scale = 1.0F / (detail::normal_deviation * 4096.0F);
    for (std::size_t i = 0; i < per_block; ++i) {
      const std::int32_t step = table[(bits >> (32U * i)) & 0xFFFFU];
      const auto within = static_cast<std::int32_t>((bits >> (32U * i + 16U)) & 0xFFFU);
      out[i] = static_cast<float>(step * 4096 + within - 2048) * scale;
    }
  }
};

template <class Source>
void generate(const Source& source, std::uint64_t key, std::uint64_t first, std::uint64_t count, std::byte* out) {
  using Value = typename Source::Value;
  Value values[Source::per_block];
  while (count > 0) {
    const std::uint64_t skip = first % Source::per_block;
    const std::uint64_t taken = std::min<std::uint64_t>(Source::per_block - skip, count);
    source.block(mixed(key + first / Source::per_block * golden), values);
    if (taken == Source::per_block) {
      std::memcpy(out, values, sizeof values);
    } else {
      std::memcpy(out, values + skip, taken * sizeof(Value));
    }
    out += taken * sizeof(Value);
    first += taken;
    count -= taken;
  }
}

class RandomValues final : public Computation {
 public:
  RandomValues(Dtype dtype, std::uint64_t units, std::uint64_t key) : dtype_(dtype), units_(units), key_(key) {}
  [[nodiscard]] std::size_t outputs() const override { return 1; }
  [[nodiscard]] std::uint64_t units() const override { return units_; }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t /*output*/) const override { return item_size(dtype_); }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return item_size(dtype_); }

  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    if (out[0].empty()) return;
    if (dtype_ == Dtype::F32) {
      generate(Floats{detail::normal_table().data()}, key_, first, count, out[0].data());
    } else {
      static const std::vector<std::uint16_t> f16 = half_table(f32_to_f16);
      static const std::vector<std::uint16_t> bf16 = half_table(f32_to_bf16);
      generate(Halves{(dtype_ == Dtype::F16 ? f16 : bf16).data()}, key_, first, count, out[0].data());
    }
  }

 private:
  Dtype dtype_;
  std::uint64_t units_;
  std::uint64_t key_;
};

}  // namespace

Tensor random_tensor(Dtype dtype, Shape shape, std::uint64_t seed, std::uint64_t stream) {
  if (!is_float(dtype))
    throw Error(ErrorKind::usage, fmt::format("random values of dtype {}", name(dtype)), "F16, BF16 or F32");
  // A shape that cannot be is refused there, before its product is used.
  const std::uint64_t units = Tensor::zeros(dtype, shape).elements();
  auto values = std::make_shared<RandomValues>(dtype, units, mixed(mixed(seed + golden) + stream * golden));
  return Tensor::computed(std::move(values), 0, dtype, std::move(shape));
}

}  // namespace kvcache

#include "foreign/omlx/state_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "foreign/little_endian.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/quantize.h"
#include "kvcache/sha256.h"

namespace kvcache::foreign::omlx {
namespace {

/// Integers with a scale per row of the last axis, and in the rotated form a Walsh-Hadamard transform of each row. A unit is a
/// row: its integers, its scale, its floats.
class RowwiseState final : public Computation {
 public:
  RowwiseState(Tensor codes, Tensor scale, std::optional<std::vector<bool>> signs)
      : codes_(std::move(codes)),
        scale_(std::move(scale)),
        signs_(std::move(signs)),
        width_(static_cast<std::size_t>(codes_.dim(-1))),
        item_(item_size(codes_.dtype())) {}

  [[nodiscard]] std::size_t outputs() const override { return 1; }
  [[nodiscard]] std::uint64_t units() const override { return scale_.elements(); }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t /*output*/) const override { return width_ * sizeof(float); }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return width_ * item_ + sizeof(float); }

  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    if (out[0].empty()) return;
    std::vector<std::byte> codes(width_ * item_);
    std::vector<double> row(width_);
    for (std::uint64_t unit = 0; unit < count; ++unit) {
      codes_.read((first + unit) * codes.size(), codes);
      float scale = 0;
      scale_.read((first + unit) * sizeof scale, std::as_writable_bytes(std::span(&scale, 1)));
      for (std::size_t i = 0; i < width_; ++i) row[i] = integer(codes, i);
      std::byte* const to = out[0].data() + unit * unit_bytes(0);
      if (signs_)
        rotate_back(row, scale, to);
      else
        for (std::size_t i = 0; i < width_; ++i) store(to, i, static_cast<float>(row[i]) * scale);
    }
  }

 private:
  [[nodiscard]] double integer(const std::vector<std::byte>& codes, std::size_t i) const {
    if (item_ == 1) return static_cast<std::int8_t>(codes[i]);
    std::int16_t value = 0;
    std::memcpy(&value, codes.data() + i * sizeof value, sizeof value);
    return value;
  }
  static void store(std::byte* to, std::size_t i, float value) { std::memcpy(to + i * sizeof value, &value, sizeof value); }

  /// (H x) / sqrt(width), then the signs. In double precision: float32 adds in another order elsewhere.
  void rotate_back(std::vector<double>& row, float scale, std::byte* to) const {
    for (double& value : row) value *= static_cast<double>(scale);
    for (std::size_t half = 1; half < width_; half *= 2)
      for (std::size_t block = 0; block < width_; block += 2 * half)
        for (std::size_t i = block; i < block + half; ++i) {
          const double a = row[i];
          const double b = row[i + half];
          row[i] = a + b;
          row[i + half] = a - b;
        }
    const double norm = std::sqrt(static_cast<double>(width_));
    for (std::size_t i = 0; i < width_; ++i) {
      const double value = row[i] / norm;
      store(to, i, static_cast<float>((*signs_)[i] ? value : -value));
    }
  }

  Tensor codes_;
  Tensor scale_;
  std::optional<std::vector<bool>> signs_;
  std::size_t width_;
  std::size_t item_;
};

[[noreturn]] void refuse(std::string_view where, const std::string& why) {
  throw Error(ErrorKind::unreadable, fmt::format("{}: {}", where, why));
}

}  // namespace

std::vector<bool> rotation_signs(std::string_view seed, std::int64_t dim) {
  std::vector<bool> signs;
  signs.reserve(static_cast<std::size_t>(dim));
  for (std::int64_t i = 0; i < dim; ++i) {
    std::string text = fmt::format("omlx-gdn-rht-v1:{}:{}:", seed, dim);
    append_le(text, static_cast<std::uint32_t>(i));
    signs.push_back((static_cast<unsigned char>(from_hex(kvcache::sha256(text))[0]) & 1U) != 0);
  }
  return signs;
}

Tensor decode_state(const Tensor& stored, const std::optional<Tensor>& scale, const Codec& codec, std::string_view where) {
  if (codec.name.empty()) return stored;
  if (codec.name == "bf16_v1") {
    if (stored.dtype() != Dtype::BF16) refuse(where, fmt::format("{} where bfloat16 is to be", name(stored.dtype())));
    return cast(stored, Dtype::F32);
  }
  const bool rotated = codec.name.starts_with("rht_");
  const bool bytes = codec.name == "int8_rowwise_last_axis_v1" || codec.name == "rht_int8_rowwise_last_axis_v1";
  if (!bytes && codec.name != "rht_int16_rowwise_last_axis_v1")
    refuse(where, fmt::format("recurrent state in the codec '{}', which is not known here", printable(codec.name)));
  if (stored.dtype() != (bytes ? Dtype::I8 : Dtype::I16))
    refuse(where, fmt::format("{} in the codec {}", name(stored.dtype()), codec.name));
  if (!scale) refuse(where, "its scales are missing");
  Shape rows = stored.shape();
  if (rows.empty() || rows.back() < 1) refuse(where, fmt::format("{} in the codec {}", to_string(rows), codec.name));
  rows.back() = 1;
  if (scale->dtype() != Dtype::F32 || scale->shape() != rows)
    refuse(where, fmt::format("scales {} beside codes {}", to_string(scale->shape()), to_string(stored.shape())));
  std::optional<std::vector<bool>> signs;
  if (rotated) {
    const std::int64_t width = stored.dim(-1);
    // Signs are hashes: a width that no model has must not take an hour.
    constexpr std::int64_t most_width = 1 << 16;
    if (!std::has_single_bit(static_cast<std::uint64_t>(width)) || width > most_width || (codec.dim != 0 && codec.dim != width))
      refuse(where, fmt::format("rows of {} values in the codec {} for {}", width, codec.name, codec.dim));
    signs = rotation_signs(codec.seed, width);
  }
  if (stored.elements() == 0) return Tensor::zeros(Dtype::F32, stored.shape());
  return Tensor::computed(std::make_shared<RowwiseState>(stored, *scale, std::move(signs)), 0, Dtype::F32, stored.shape());
}

}  // namespace kvcache::foreign::omlx

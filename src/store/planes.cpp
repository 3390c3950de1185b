// Rows as byte planes through zstd: of neighbouring values the exponents repeat, the mantissas hardly do. A frame per plane and
// head, so that rows can be read without the rest, and each plane has a code of its own.
#include "store/planes.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "kvcache/error.h"

namespace kvcache::store::detail {
namespace {

using Json = nlohmann::json;

// Exponents repeat in their frequencies, not in sequences: looking for matches takes time and finds what makes the frames
// larger and slower to read (bench/compression). At this level hardly any are looked for.
constexpr int level = -100;
constexpr double worth = 0.95;        // of an array's size
constexpr double worth_plane = 0.98;  // of a plane's: of mantissas there is less to be had than reading them back costs

[[noreturn]] void unreadable_planes(const std::string& what) {
  throw Error(ErrorKind::unreadable, fmt::format("compressed rows are not readable: {}", what),
              Remedy(Remedy::Action::store, {{"verb", "check"}, {"data", ""}, {"repair", ""}}) + " removes what is damaged");
}

bool can_pack(const Tensor& array) {
  return array.defined() && is_float(array.dtype()) && (item_size(array.dtype()) == 2 || item_size(array.dtype()) == 4) &&
         array.rank() == 4 && array.nbytes() > 0;
}

using CompressContext = std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)>;
using DecompressContext = std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)>;

CompressContext compress_context() {
  CompressContext context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (context == nullptr) return context;
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  // Literals are Huffman-coded at this level, too (ZSTD_c_literalCompressionMode, since 1.3.8; where it means nothing, frames
  // are larger).
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_experimentalParam5, 1);
  return context;
}

/// Loops over constant strides, which compilers turn into vector instructions.
template <std::size_t Item>
void split(const std::byte* values, std::size_t count, std::byte* planes) {
  for (std::size_t plane = 0; plane < Item; ++plane)
    for (std::size_t i = 0; i < count; ++i) planes[plane * count + i] = values[i * Item + plane];
}
void to_planes(std::span<const std::byte> values, std::size_t item, std::span<std::byte> planes) {
  if (item == 2) {
    split<2>(values.data(), values.size() / 2, planes.data());
  } else {
    split<4>(values.data(), values.size() / 4, planes.data());
  }
}

void from_planes(std::span<const std::byte* const> planes, std::span<std::byte> values) {
  std::byte* const out = values.data();
  if (planes.size() == 2) {
    const std::byte* const low = planes[0];
    const std::byte* const high = planes[1];
    for (std::size_t i = 0; i < values.size() / 2; ++i) {
      out[2 * i] = low[i];
      out[2 * i + 1] = high[i];
    }
    return;
  }
  const std::byte* const p0 = planes[0];
  const std::byte* const p1 = planes[1];
  const std::byte* const p2 = planes[2];
  const std::byte* const p3 = planes[3];
  for (std::size_t i = 0; i < values.size() / 4; ++i) {
    out[4 * i] = p0[i];
    out[4 * i + 1] = p1[i];
    out[4 * i + 2] = p2[i];
    out[4 * i + 3] = p3[i];
  }
}

/// The planes of each head, and their sizes: those that are as large as the plane are no frames but the plane itself. Nothing
/// where it is not worth it.
struct Frames {
  std::vector<std::byte> bytes;
  std::vector<std::uint64_t> sizes;
};
std::optional<Frames> frames_of(const Tensor& array) {
  const auto heads = static_cast<std::uint64_t>(array.dim(1));
  const std::uint64_t head_bytes = array.nbytes() / heads;
  const std::size_t item = item_size(array.dtype());
  const std::size_t plane_bytes = head_bytes / item;
  const CompressContext context = compress_context();
  if (context == nullptr) return std::nullopt;
  std::vector<std::byte> values(head_bytes);
  std::vector<std::byte> planes(head_bytes);
  std::vector<std::byte> frame(ZSTD_compressBound(plane_bytes));
  Frames out;
  for (std::uint64_t head = 0; head < heads; ++head) {
    array.read(head * head_bytes, values);
    to_planes(values, item, planes);
    for (std::size_t plane = 0; plane < item; ++plane) {
      const std::span<const std::byte> raw = std::span(planes).subspan(plane * plane_bytes, plane_bytes);
      const std::size_t size = ZSTD_compress2(context.get(), frame.data(), frame.size(), raw.data(), raw.size());
      const bool smaller =
          ZSTD_isError(size) == 0U && static_cast<double>(size) <= worth_plane * static_cast<double>(plane_bytes);
      const std::span<const std::byte> kept = smaller ? std::span<const std::byte>(frame).first(size) : raw;
      out.bytes.insert(out.bytes.end(), kept.begin(), kept.end());
      out.sizes.push_back(kept.size());
    }
  }
  if (static_cast<double>(out.bytes.size()) > worth * static_cast<double>(array.nbytes())) return std::nullopt;
  return out;
}

class Unpacking final : public Computation {
 public:
  Unpacking(Tensor frames, const std::vector<std::uint64_t>& sizes, std::uint64_t rows, std::uint64_t row_bytes,
            std::size_t item)
      : frames_(std::move(frames)), rows_(rows), row_bytes_(row_bytes), item_(item) {
    std::uint64_t at = 0;
    for (const std::uint64_t size : sizes) {
      if (size > rows * row_bytes / item) unreadable_planes("frames of another size");
      places_.push_back(at);
      at += size;
    }
    places_.push_back(at);
    if (at != frames_.nbytes()) unreadable_planes("frames of another size");
  }

  [[nodiscard]] std::size_t outputs() const override { return 1; }
  [[nodiscard]] std::uint64_t units() const override { return (places_.size() - 1) / item_ * rows_; }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t /*output*/) const override { return row_bytes_; }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return row_bytes_; }
  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    std::uint64_t done = 0;
    while (done < count) {
      const std::uint64_t head = (first + done) / rows_;
      const std::uint64_t row = (first + done) % rows_;
      const std::uint64_t some = std::min(count - done, rows_ - row);
      if (!out[0].empty()) {
        const std::span<std::byte> place = out[0].subspan(done * row_bytes_, some * row_bytes_);
        if (some == rows_) {
          decode(head, place);
        } else {
          const std::vector<std::byte>& values = head_values(head);
          std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(row * row_bytes_), place.size(), place.begin());
        }
      }
      done += some;
    }
  }

 private:
  void decode(std::uint64_t head, std::span<std::byte> values) const {
    thread_local std::vector<std::byte> stored;
    thread_local std::vector<std::byte> decoded;
    thread_local const DecompressContext context(ZSTD_createDCtx(), ZSTD_freeDCtx);
    if (context == nullptr) unreadable_planes("no memory");
    const std::size_t plane_bytes = values.size() / item_;
    const std::uint64_t begin = places_[head * item_];
    stored.resize(places_[(head + 1) * item_] - begin);
    decoded.resize(values.size());
    frames_.read(begin, stored);
    std::array<const std::byte*, 4> planes = {};
    for (std::size_t plane = 0; plane < item_; ++plane) {
      const std::uint64_t at = places_[head * item_ + plane];
      const std::span<const std::byte> frame = std::span(stored).subspan(at - begin, places_[head * item_ + plane + 1] - at);
      if (frame.size() == plane_bytes) {
        planes[plane] = frame.data();
        continue;
      }
      std::byte* const place = decoded.data() + plane * plane_bytes;
      const std::size_t size = ZSTD_decompressDCtx(context.get(), place, plane_bytes, frame.data(), frame.size());
      if (ZSTD_isError(size) != 0U || size != plane_bytes) unreadable_planes("a frame is damaged");
      planes[plane] = place;
    }
    from_planes(std::span(planes).first(item_), values);
  }

  /// The rows of a head; the last one of each thread is kept, as pieces of it are asked for one after another.
  [[nodiscard]] const std::vector<std::byte>& head_values(std::uint64_t head) const {
    struct Last {
      std::uint64_t of = 0;  // which object: addresses are used again
      std::uint64_t head = 0;
      std::vector<std::byte> values;
    };
    thread_local Last last;
    if (last.of == serial_ && last.head == head && !last.values.empty()) return last.values;
    last.of = 0;
    last.values.resize(rows_ * row_bytes_);
    decode(head, last.values);
    last.of = serial_;
    last.head = head;
    return last.values;
  }

  static std::uint64_t next_serial() {
    static std::atomic<std::uint64_t> serial{0};
    return ++serial;
  }

  Tensor frames_;
  std::vector<std::uint64_t> places_;  // where each plane of each head begins, and the end
  std::uint64_t rows_;
  std::uint64_t row_bytes_;
  std::size_t item_;
  std::uint64_t serial_ = next_serial();
};

}  // namespace

std::optional<PackedRows> pack_rows(const std::vector<Tensor>& arrays) {
  PackedRows out;
  Json facts = Json::array();
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  for (const Tensor& array : arrays) {
    std::optional<Frames> frames;
    if (can_pack(array)) frames = frames_of(array);
    const std::uint64_t bytes = array.defined() ? array.nbytes() : 0;
    before += bytes;
    after += frames ? frames->bytes.size() : bytes;
    if (frames) {
      facts.push_back({{"frames", frames->sizes}});
      const auto size = static_cast<std::int64_t>(frames->bytes.size());
      out.arrays.push_back(Tensor::of_bytes(Dtype::U8, {1, size}, std::move(frames->bytes)));
    } else {
      facts.push_back(nullptr);
      out.arrays.push_back(array);
    }
  }
  // Scales beside codes are too little to be worth anything.
  if (static_cast<double>(after) > worth * static_cast<double>(before)) return std::nullopt;
  out.facts = facts.dump();
  return out;
}

std::size_t packed_slots(std::string_view facts) {
  return Json::parse(facts).size();
}

Tensor unpack_rows(std::string_view facts, const std::vector<Tensor>& stored, std::size_t array, Dtype dtype,
                   const Shape& shape) {
  const Json parsed = Json::parse(facts, nullptr, false);
  if (!parsed.is_array() || parsed.size() != stored.size() || array >= stored.size())
    unreadable_planes("another number of arrays");
  const Json& one = parsed[array];
  if (one.is_null()) {
    if (stored[array].dtype() != dtype || stored[array].shape() != shape) unreadable_planes("an array of another shape");
    return stored[array];
  }
  std::vector<std::uint64_t> sizes;
  try {
    sizes = one.at("frames").get<std::vector<std::uint64_t>>();
  } catch (const Json::exception&) {
    unreadable_planes("no frames");
  }
  const std::size_t item = item_size(dtype);
  if (!is_float(dtype) || (item != 2 && item != 4) || shape.size() != 4 ||
      static_cast<std::int64_t>(sizes.size()) != shape[1] * static_cast<std::int64_t>(item) || shape[2] <= 0 || shape[3] <= 0)
    unreadable_planes("another number of heads");
  const auto rows = static_cast<std::uint64_t>(shape[2]);
  const std::uint64_t row_bytes = static_cast<std::uint64_t>(shape[3]) * item;
  return Tensor::computed(std::make_shared<Unpacking>(stored[array], std::move(sizes), rows, row_bytes, item), 0, dtype, shape);
}

}  // namespace kvcache::store::detail

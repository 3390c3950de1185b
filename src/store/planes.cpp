// Rows as byte planes through zstd: of neighbouring values the exponents repeat, the mantissas hardly do. A frame per head, so
// that rows can be read without the rest.
#include "store/planes.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "kvcache/error.h"

namespace kvcache::store::detail {
namespace {

using Json = nlohmann::json;

// On byte planes the lowest level finds as much as the next ones, and is the fastest.
constexpr int level = 1;
constexpr double worth = 0.95;  // of the size

[[noreturn]] void unreadable(const std::string& what) {
  throw Error(ErrorKind::unreadable, fmt::format("compressed rows are not readable: {}", what),
              Remedy(Remedy::Action::store, {{"verb", "check"}, {"data", ""}, {"repair", ""}}) + " removes what is damaged");
}

bool can_pack(const Tensor& array) {
  return array.defined() && is_float(array.dtype()) && array.rank() == 4 && array.nbytes() > 0;
}

void to_planes(std::span<const std::byte> values, std::size_t item, std::span<std::byte> planes) {
  const std::size_t count = values.size() / item;
  for (std::size_t plane = 0; plane < item; ++plane)
    for (std::size_t i = 0; i < count; ++i) planes[plane * count + i] = values[i * item + plane];
}

void from_planes(std::span<const std::byte> planes, std::size_t item, std::span<std::byte> values) {
  const std::size_t count = values.size() / item;
  if (item == 2) {
    const std::byte* low = planes.data();
    const std::byte* high = planes.data() + count;
    for (std::size_t i = 0; i < count; ++i) {
      values[2 * i] = low[i];
      values[2 * i + 1] = high[i];
    }
    return;
  }
  for (std::size_t plane = 0; plane < item; ++plane)
    for (std::size_t i = 0; i < count; ++i) values[i * item + plane] = planes[plane * count + i];
}

/// A frame per head, and their sizes. Nothing where it is not worth it.
struct Frames {
  std::vector<std::byte> bytes;
  std::vector<std::uint64_t> sizes;
};
std::optional<Frames> frames_of(const Tensor& array) {
  const auto heads = static_cast<std::uint64_t>(array.dim(1));
  const std::uint64_t head_bytes = array.nbytes() / heads;
  const std::size_t item = item_size(array.dtype());
  std::vector<std::byte> values(head_bytes);
  std::vector<std::byte> planes(head_bytes);
  std::vector<std::byte> frame(ZSTD_compressBound(head_bytes));
  Frames out;
  for (std::uint64_t head = 0; head < heads; ++head) {
    array.read(head * head_bytes, values);
    to_planes(values, item, planes);
    const std::size_t size = ZSTD_compress(frame.data(), frame.size(), planes.data(), planes.size(), level);
    if (ZSTD_isError(size) != 0U) return std::nullopt;
    out.bytes.insert(out.bytes.end(), frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    out.sizes.push_back(size);
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
      places_.push_back(at);
      at += size;
    }
    places_.push_back(at);
    if (at != frames_.nbytes()) unreadable("frames of another size");
  }

  [[nodiscard]] std::size_t outputs() const override { return 1; }
  [[nodiscard]] std::uint64_t units() const override { return (places_.size() - 1) * rows_; }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t /*output*/) const override { return row_bytes_; }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return row_bytes_; }
  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    std::uint64_t done = 0;
    while (done < count) {
      const std::uint64_t head = (first + done) / rows_;
      const std::uint64_t row = (first + done) % rows_;
      const std::uint64_t some = std::min(count - done, rows_ - row);
      const std::vector<std::byte>& values = head_values(head);
      if (!out[0].empty())
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(row * row_bytes_), some * row_bytes_,
                    out[0].begin() + static_cast<std::ptrdiff_t>(done * row_bytes_));
      done += some;
    }
  }

 private:
  /// The rows of a head; the last one of each thread is kept, as pieces of it are asked for one after another.
  [[nodiscard]] const std::vector<std::byte>& head_values(std::uint64_t head) const {
    struct Last {
      std::uint64_t of = 0;  // which object: addresses are used again
      std::uint64_t head = 0;
      std::vector<std::byte> frame, planes, values;
    };
    thread_local Last last;
    if (last.of == serial_ && last.head == head && !last.values.empty()) return last.values;
    last.of = 0;
    last.frame.resize(places_[head + 1] - places_[head]);
    last.planes.resize(rows_ * row_bytes_);
    last.values.resize(rows_ * row_bytes_);
    frames_.read(places_[head], last.frame);
    const std::size_t size = ZSTD_decompress(last.planes.data(), last.planes.size(), last.frame.data(), last.frame.size());
    if (ZSTD_isError(size) != 0U || size != last.planes.size()) unreadable("a frame is damaged");
    from_planes(last.planes, item_, last.values);
    last.of = serial_;
    last.head = head;
    return last.values;
  }

  static std::uint64_t next_serial() {
    static std::atomic<std::uint64_t> serial{0};
    return ++serial;
  }

  Tensor frames_;
  std::vector<std::uint64_t> places_;  // where the frame of each head begins, and the end
  std::uint64_t rows_;
  std::uint64_t row_bytes_;
  std::size_t item_;
  std::uint64_t serial_ = next_serial();
};

}  // namespace

std::optional<PackedRows> pack_rows(const std::vector<Tensor>& arrays) {
  PackedRows out;
  Json facts = Json::array();
  bool any = false;
  for (const Tensor& array : arrays) {
    std::optional<Frames> frames;
    if (can_pack(array)) frames = frames_of(array);
    if (frames) {
      any = true;
      facts.push_back({{"frames", frames->sizes}});
      const auto size = static_cast<std::int64_t>(frames->bytes.size());
      out.arrays.push_back(Tensor::of_bytes(Dtype::U8, {1, size}, std::move(frames->bytes)));
    } else {
      facts.push_back(nullptr);
      out.arrays.push_back(array);
    }
  }
  if (!any) return std::nullopt;
  out.facts = facts.dump();
  return out;
}

std::size_t packed_slots(std::string_view facts) {
  return Json::parse(facts).size();
}

Tensor unpack_rows(std::string_view facts, const std::vector<Tensor>& stored, std::size_t array, Dtype dtype,
                   const Shape& shape) {
  const Json parsed = Json::parse(facts, nullptr, false);
  if (!parsed.is_array() || parsed.size() != stored.size() || array >= stored.size()) unreadable("another number of arrays");
  const Json& one = parsed[array];
  if (one.is_null()) {
    if (stored[array].dtype() != dtype || stored[array].shape() != shape) unreadable("an array of another shape");
    return stored[array];
  }
  std::vector<std::uint64_t> sizes;
  try {
    sizes = one.at("frames").get<std::vector<std::uint64_t>>();
  } catch (const Json::exception&) {
    unreadable("no frames");
  }
  if (shape.size() != 4 || static_cast<std::int64_t>(sizes.size()) != shape[1] || shape[2] <= 0 || shape[3] <= 0)
    unreadable("another number of heads");
  const std::size_t item = item_size(dtype);
  const auto rows = static_cast<std::uint64_t>(shape[2]);
  const std::uint64_t row_bytes = static_cast<std::uint64_t>(shape[3]) * item;
  return Tensor::computed(std::make_shared<Unpacking>(stored[array], std::move(sizes), rows, row_bytes, item), 0, dtype, shape);
}

}  // namespace kvcache::store::detail

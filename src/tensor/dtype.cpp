#include "kvcache/dtype.h"

#include <algorithm>
#include <array>

namespace kvcache {
namespace {

struct DtypeInfo {
  std::string_view name;
  std::size_t item_size;
};

// In the order of the enumeration.
constexpr std::array<DtypeInfo, 15> dtypes{{
    {"BOOL", 1},
    {"I8", 1},
    {"U8", 1},
    {"I16", 2},
    {"U16", 2},
    {"F16", 2},
    {"BF16", 2},
    {"I32", 4},
    {"U32", 4},
    {"F32", 4},
    {"I64", 8},
    {"U64", 8},
    {"C64", 8},
    {"F8_E4M3", 1},
    {"F8_E8M0", 1},
}};
static_assert(dtypes.size() == static_cast<std::size_t>(Dtype::F8_E8M0) + 1);

const DtypeInfo& info(Dtype dtype) noexcept {
  return dtypes[static_cast<std::size_t>(dtype)];
}

}  // namespace

std::size_t item_size(Dtype dtype) noexcept {
  return info(dtype).item_size;
}

std::string_view name(Dtype dtype) noexcept {
  return info(dtype).name;
}

std::optional<Dtype> parse_dtype(std::string_view text) noexcept {
  const auto* const found = std::find_if(dtypes.begin(), dtypes.end(), [&](const DtypeInfo& d) { return d.name == text; });
  if (found == dtypes.end()) return std::nullopt;
  return static_cast<Dtype>(found - dtypes.begin());
}

bool is_float(Dtype dtype) noexcept {
  return dtype == Dtype::F16 || dtype == Dtype::BF16 || dtype == Dtype::F32;
}

std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) noexcept {
  // [2147483647, 2147483647, 2147483647, 0] has no elements, though the product overflows on the way.
  std::int64_t count = 1;
  bool none = false;
  bool overflow = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    none = none || dim == 0;
    overflow = __builtin_mul_overflow(count, dim, &count) || overflow;
  }
  if (none) return 0;
  return overflow ? std::nullopt : std::optional(static_cast<std::uint64_t>(count));
}

// Not fmt::join: fmt 9 makes g++ 12 warn of an overflow within the library (-Wstringop-overflow, at -O3 without -fPIC).
std::string to_string(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t dim : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(dim);
  }
  return text + "]";
}

}  // namespace kvcache

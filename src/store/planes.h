// Lossless compression of rows: the bytes of equal rank of all values side by side, then zstd.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/tensor.h"

namespace kvcache::store::detail {

/// Arrays of a part, packed.
struct PackedRows {
  std::string facts;           ///< JSON: how each was packed
  std::vector<Tensor> arrays;  ///< U8, [1, bytes]; raw arrays as they were
};
/// Arrays in which it would save less than 5 % stay as they are. Nothing where it would save less in all of them together.
/// Reads the arrays.
[[nodiscard]] std::optional<PackedRows> pack_rows(const std::vector<Tensor>& arrays);
/// How many arrays are stored for these facts.
[[nodiscard]] std::size_t packed_slots(std::string_view facts);
/// Array `array` again, lazily. Throws Error(unreadable) where facts and arrays do not fit.
[[nodiscard]] Tensor unpack_rows(std::string_view facts, const std::vector<Tensor>& stored, std::size_t array, Dtype dtype,
                                 const Shape& shape);

}  // namespace kvcache::store::detail

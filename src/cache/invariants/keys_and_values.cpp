#include "cache/invariants/keys_and_values.h"

#include <fmt/format.h>

namespace kvcache::detail {

std::optional<Problem> wrong_rank(std::string_view what, const Shape& shape, std::size_t rank) {
  if (shape.size() == rank) return std::nullopt;
  return Problem{fmt::format("{} have shape {}: {} dimensions instead of {}", what, to_string(shape), shape.size(), rank), {}};
}

std::optional<Problem> pair_disagrees(const Shape& keys, const Shape& values) {
  if (keys[0] == values[0] && keys[2] == values[2]) return std::nullopt;
  return Problem{fmt::format("keys {} and values {} disagree in {}", to_string(keys), to_string(values),
                             keys[0] != values[0] ? "batch size" : "rows"),
                 {}};
}

std::optional<Problem> rows_disagree(const Shape& one, const Shape& other) {
  if (one.size() > 2 && other.size() > 2 && one[0] == other[0] && one[2] == other[2]) return std::nullopt;
  return Problem{fmt::format("arrays {} and {} disagree in batch size or rows", to_string(one), to_string(other)), {}};
}

std::optional<Problem> wrong_entries(std::string_view what, std::int64_t entries, std::int64_t sequences) {
  if (entries == sequences) return std::nullopt;
  return Problem{fmt::format("{} have {} entries for {} sequences", what, entries, sequences), {}};
}

std::optional<Problem> pair_incomplete(const Tensor& keys, const Tensor& values) {
  if (keys.defined() == values.defined()) return std::nullopt;
  return Problem{keys.defined() ? "keys without values" : "values without keys", {}};
}

std::optional<Problem> pair_of_wrong_rank(const Tensor& keys, const Tensor& values) {
  if (!keys.defined()) return std::nullopt;
  if (auto problem = wrong_rank("keys", keys.shape(), 4)) return problem;
  return wrong_rank("values", values.shape(), 4);
}

}  // namespace kvcache::detail

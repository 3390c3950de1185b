// What keys and values have to do with each other, in every class that has both as plain arrays.
#pragma once

#include <array>
#include <cstdint>

#include "cache/invariants/invariant.h"
#include "kvcache/tensor.h"

namespace kvcache::detail {

/// KV307: an array that is not of this rank.
[[nodiscard]] std::optional<Problem> wrong_rank(std::string_view what, const Shape& shape, std::size_t rank);
/// KV309: keys and values [B, H, S, D] of different B or S.
[[nodiscard]] std::optional<Problem> pair_disagrees(const Shape& keys, const Shape& values);

/// KV309: arrays [B, H, S, ...] of different B or S.
[[nodiscard]] std::optional<Problem> rows_disagree(const Shape& one, const Shape& other);
/// KV309: a list with another number of entries than there are sequences.
[[nodiscard]] std::optional<Problem> wrong_entries(std::string_view what, std::int64_t entries, std::int64_t sequences);

/// Keys without values, or values without keys: a file without one of them has no such layer.
[[nodiscard]] std::optional<Problem> pair_incomplete(const Tensor& keys, const Tensor& values);
/// Both [B, H, S, D], or neither is there.
[[nodiscard]] std::optional<Problem> pair_of_wrong_rank(const Tensor& keys, const Tensor& values);

/// For the classes whose State has keys and values: what decoding finds in a file, for states that were never in one.
template <class State>
inline constexpr auto keys_and_values = std::to_array<Invariant<State>>({
    {"KV303", [](const State& s) { return pair_incomplete(s.keys, s.values); }},
    {"KV307", [](const State& s) { return pair_of_wrong_rank(s.keys, s.values); }},
    {"KV309",
     [](const State& s) { return s.keys.defined() ? pair_disagrees(s.keys.shape(), s.values.shape()) : std::nullopt; }},
});

/// And for those of them that are batches: lists of one entry for each sequence. Never used, a batch has as many as it has
/// lists for.
template <class State>
std::optional<Problem> lists_disagree(const State& s) {
  const auto count = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  const std::int64_t sequences = s.keys.defined() ? s.keys.dim(0) : count(s.offset);
  if (auto problem = wrong_entries("offsets", count(s.offset), sequences)) return problem;
  return wrong_entries("left paddings", count(s.left_padding), sequences);
}

}  // namespace kvcache::detail

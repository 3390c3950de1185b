// Quantized keys and values.
#include <fmt/format.h>

#include <algorithm>

#include "cache/invariants/invariants.h"
#include "cache/invariants/keys_and_values.h"
#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace quantized_kv_cache {
namespace {

using State = QuantizedKVCache::State;
using Outcome = std::optional<Problem>;

// Codes, scales and biases that can be held against each other. A mode that the file does not name (KV714) has parameters of
// its own.
bool is_affine(const State& s) {
  return s.keys.weights.defined() && s.values.weights.defined() && !s.has_unnamed_mode();
}

// What decoding finds in a file, for states that were never in one.
Outcome arrays_present(const State& s) {
  for (const auto& [name, q] : {std::pair{"keys", &s.keys}, std::pair{"values", &s.values}})
    if (q->weights.defined() != s.keys.weights.defined() || q->scales.defined() != q->weights.defined() ||
        q->biases.defined() != s.keys.biases.defined())
      return Problem{fmt::format("{} without weights, scales or biases that belong to them", name), {}};
  return {};
}

Outcome arrays_of_rank_4(const State& s) {
  for (const Tensor* array :
       {&s.keys.weights, &s.keys.scales, &s.keys.biases, &s.values.weights, &s.values.scales, &s.values.biases})
    if (array->defined())
      if (auto problem = wrong_rank("arrays", array->shape(), 4)) return problem;
  return {};
}

// Codes per row, or nothing when the words do not hold a whole number of codes.
std::optional<std::int64_t> code_width(const Quantized& q, std::int64_t bits) {
  const std::int64_t bit_count = q.weights.dim(-1) * 32;
  if (bit_count % bits != 0) return std::nullopt;
  return bit_count / bits;
}

Outcome parameters_supported(const State& s) {
  if (s.has_unnamed_mode()) return {};
  if (!is_supported_bits(s.bits))
    return Problem{fmt::format("bits is {}: MLX quantizes to 2, 3, 4, 5, 6 or 8 bits, so nothing can decode this", s.bits), {}};
  if (!is_supported_group_size(s.group_size))
    return Problem{fmt::format("group_size is {}: MLX knows 32, 64 and 128, so nothing can decode this", s.group_size), {}};
  return {};
}

// Only widths that another group size would divide: a width that none divides is damage of the arrays (KV422).
Outcome width_divisible(const State& s) {
  if (!is_affine(s)) return {};
  for (const auto& [name, q] : {std::pair{"keys", &s.keys}, std::pair{"values", &s.values}}) {
    const auto width = code_width(*q, s.bits);
    if (!width || *width % 32 != 0 || *width % s.group_size == 0 || q->scales.dim(-1) != *width / s.group_size) continue;
    return Problem{
        fmt::format("{}: head dim {} is not divisible by group_size {}: the last {} values of each row have no scale", name,
                    *width, s.group_size, *width % s.group_size),
        fmt::format("groups of {} fit: quantize the cache again with them", *width % 64 == 0 ? 64 : 32)};
  }
  return {};
}

Outcome widths_agree(const State& s) {
  if (!is_affine(s)) return {};
  for (const auto& [name, q] : {std::pair{"keys", &s.keys}, std::pair{"values", &s.values}}) {
    const std::int64_t words = q->weights.dim(-1);
    const std::int64_t groups = q->scales.dim(-1);
    const auto width = code_width(*q, s.bits);
    if (width && *width == groups * s.group_size) continue;
    Remedy remedy;
    // The arrays fix the ratio of bits to group size, so one of the two can be read off when the other is right.
    if (groups > 0 && words * 32 % (groups * s.group_size) == 0)
      remedy =
          fmt::format("with group_size {} the arrays hold {}-bit codes", s.group_size, words * 32 / (groups * s.group_size));
    return Problem{
        fmt::format("{}: {} words of {}-bit codes per row are {} values, but {} scales of group_size {} are for {}: they "
                    "would be decoded to garbage",
                    name, words, s.bits, width ? fmt::to_string(*width) : "no whole number of", groups, s.group_size,
                    groups * s.group_size),
        std::move(remedy)};
  }
  return {};
}

// Scales and biases alike, and one batch, number of heads and of rows for all six.
Outcome scales_match(const State& s) {
  if (!s.keys.weights.defined() || !s.values.weights.defined()) return {};
  for (const auto& [name, q] : {std::pair{"keys", &s.keys}, std::pair{"values", &s.values}}) {
    if (q->biases.defined() && q->scales.shape() != q->biases.shape())
      return Problem{fmt::format("{}: scales {} and biases {} differ in shape", name, to_string(q->scales.shape()),
                                 to_string(q->biases.shape())),
                     {}};
    if (q->biases.defined() && q->scales.dtype() != q->biases.dtype())
      return Problem{fmt::format("{}: scales are {} and biases {}; MLX decodes only equal dtypes", name,
                                 kvcache::name(q->scales.dtype()), kvcache::name(q->biases.dtype())),
                     {}};
    for (const auto& [other_name, other] : {std::pair{"codes", &q->weights}, std::pair{"scales", &q->scales}})
      if (!std::equal(other->shape().begin(), other->shape().begin() + 3, s.keys.weights.shape().begin()))
        return Problem{fmt::format("{} of {} are {}, codes of keys {}: batch, heads and rows must be equal", other_name, name,
                                   to_string(other->shape()), to_string(s.keys.weights.shape())),
                       {}};
  }
  return {};
}

// What breaks loading; rows beyond the offset do not.
Outcome offset_in_range(const State& s) {
  const std::int64_t rows = rows_in(s.keys.weights);
  if (s.offset < 0) return Problem{fmt::format("offset {} is negative", s.offset), {}};
  if (s.offset > rows)
    return Problem{
        fmt::format("offset {} is above the {} rows: the next token would be written outside the arrays", s.offset, rows), {}};
  return {};
}

Outcome no_rows_beyond(const State& s) {
  const std::int64_t rows = rows_in(s.keys.weights);
  if (s.offset == rows) return {};
  return Problem{fmt::format("{} rows but offset {}: loaders ignore the last {}", rows, s.offset, rows - s.offset), {}};
}

constexpr auto arrays = std::to_array<Invariant<State>>({{"KV303", arrays_present}, {"KV307", arrays_of_rank_4}});
constexpr auto widths =
    std::to_array<Invariant<State>>({{"KV421", parameters_supported}, {"KV425", width_divisible}, {"KV422", widths_agree}});
constexpr auto shapes = std::to_array<Invariant<State>>({{"KV423", scales_match}});
constexpr auto offsets =
    std::to_array<Invariant<State>>({{"KV424", offset_in_range}, {"KV426", no_rows_beyond, Blocks::nothing}});

}  // namespace
}  // namespace quantized_kv_cache

BrokenInvariants broken_invariants(const QuantizedKVCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, quantized_kv_cache::arrays, broken);
  if (!broken.empty()) return broken;
  run_chain(state, quantized_kv_cache::widths, broken);
  run_chain(state, quantized_kv_cache::shapes, broken);
  run_chain(state, quantized_kv_cache::offsets, broken);
  return broken;
}

}  // namespace kvcache::detail

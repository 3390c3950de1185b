// Codebook-quantized keys and values (Swift).
#include <fmt/format.h>

#include "cache/invariants/invariants.h"
#include "cache/invariants/keys_and_values.h"
#include "cache/kv_arrays.h"

namespace kvcache::detail {
namespace turbo_quant_kv_cache {
namespace {

using Turbo = TurboQuantKVCache;
using State = Turbo::State;
using Outcome = std::optional<Problem>;

Outcome arrays_fit(const State& s) {
  if (s.arrays.empty() || Turbo::form_of(s.arrays, s.key_bits) == s.form) return {};
  return Problem{fmt::format("{} arrays (key bits {}) are not what its form has", s.arrays.size(), s.key_bits), {}};
}

Outcome rows_agree(const State& s) {
  // The calibration has no rows.
  for (const Tensor& array : s.arrays)
    if (array.rank() > 2)
      if (auto problem = rows_disagree(s.arrays.front().shape(), array.shape())) return problem;
  return {};
}

Outcome offset_in_range(const State& s) {
  if (s.arrays.empty()) return {};
  const std::int64_t rows = rows_in(s.arrays.front());
  if (s.offset >= 0 && s.offset <= rows) return {};
  return Problem{fmt::format("offset {} is outside the {} rows", s.offset, rows), {}};
}

// Head dims whose codes fill exactly `words` words: (words-1)*32 < dim*bits <= words*32.
struct DimRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
  static DimRange of(std::int64_t words, std::int64_t bits) {
    if (words == 0) return {0, 0};
    return {(words - 1) * 32 / bits + 1, words * 32 / bits};
  }
  [[nodiscard]] bool empty() const { return first > last; }
  [[nodiscard]] bool meets(const DimRange& o) const { return first <= o.last && o.first <= last; }
  // Head dims of real models are multiples of 32 wherever those of keys and values differ.
  [[nodiscard]] bool has_usual_dim() const { return last / 32 * 32 >= first; }
};

std::optional<DimRange> key_dims(const State& s) {
  switch (s.form) {
    case Turbo::Form::raw_keys:
      return DimRange{s.arrays[0].dim(-1), s.arrays[0].dim(-1)};
    case Turbo::Form::affine_keys:
      return DimRange{s.arrays[0].dim(-1) * 4, s.arrays[0].dim(-1) * 4};
    case Turbo::Form::symmetric:
      return DimRange::of(s.arrays[0].dim(-1), s.key_bits);
    case Turbo::Form::plain:
      break;
  }
  return std::nullopt;
}

// The file does not store head dims, so widths can only be held against each other.
Outcome widths_fit_bits(const State& s) {
  if (s.form == Turbo::Form::plain || s.arrays.empty()) return {};
  const auto unusable = [](std::int64_t bits) { return bits < 1 || bits > 8; };
  if (unusable(s.value_bits) || (s.form == Turbo::Form::symmetric && unusable(s.key_bits)))
    return Problem{fmt::format("keyBits {} and valueBits {}: packed codes have 1 to 8 bits", s.key_bits, s.value_bits), {}};
  const Tensor& packed = s.arrays[s.form == Turbo::Form::affine_keys ? 3 : s.form == Turbo::Form::symmetric ? 2 : 1];
  const auto keys = key_dims(s);
  const DimRange values = DimRange::of(packed.dim(-1), s.value_bits);
  if (values.empty() || keys->empty() || (!values.meets(*keys) && !(values.has_usual_dim() && keys->has_usual_dim())))
    return Problem{fmt::format("{} words of {}-bit codes per row of values are for head dims {} to {}, but keys have {} to {}",
                               packed.dim(-1), s.value_bits, values.first, values.last, keys->first, keys->last),
                   {}};
  if (s.form == Turbo::Form::symmetric && s.arrays.size() > 4) {
    const std::int64_t dim = s.arrays[4].elements() > 0 ? s.arrays[4].dim(-1) : 0;
    if (dim < keys->first || dim > keys->last)
      return Problem{fmt::format("calibration is for head dim {}, but {} words of {}-bit codes are for {} to {}", dim,
                                 s.arrays[0].dim(-1), s.key_bits, keys->first, keys->last),
                     {}};
  }
  return {};
}

constexpr auto rules = std::to_array<Invariant<State>>(
    {{"KV303", arrays_fit}, {"KV309", rows_agree}, {"KV481", offset_in_range}, {"KV481", widths_fit_bits}});

}  // namespace
}  // namespace turbo_quant_kv_cache

BrokenInvariants broken_invariants(const TurboQuantKVCache::State& state) {
  BrokenInvariants broken;
  run_chain(state, turbo_quant_kv_cache::rules, broken);
  return broken;
}

}  // namespace kvcache::detail

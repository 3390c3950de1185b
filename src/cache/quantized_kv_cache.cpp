#include "kvcache/cache/quantized_kv_cache.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "cache/mask.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

// f(array) -> array for the six arrays; biases that a mode does not have stay undefined.
template <class F>
void each_part(QuantizedKVCache::State& state, F&& f) {
  for (Quantized* side : {&state.keys, &state.values}) {
    for (Tensor* array : {&side->weights, &side->scales, &side->biases}) {
      if (array->defined()) *array = f(*array);
    }
  }
}

// The dim that was quantized: weights hold 32/bits codes per word.
std::optional<std::int64_t> decoded_dim(const Tensor& weights, std::int64_t bits) {
  if (!weights.defined() || weights.rank() != 4 || bits < 1) return std::nullopt;
  return weights.dim(detail::dim_axis) * 32 / bits;
}

// What the decoded array would be; only its shape and dtype are used.
Tensor decoded_outline(const Quantized& side, std::int64_t bits) {
  Shape shape = side.weights.shape();
  shape.back() = shape.back() * 32 / bits;
  return Tensor::zeros(side.scales.dtype(), std::move(shape));
}

Tensor decoded(const Quantized& side, const QuantizedKVCache::State& state, std::optional<Dtype> dtype,
               DequantizeOptions options) {
  if (!side.weights.defined()) return {};
  Quantized rows = side;
  for (Tensor* array : {&rows.weights, &rows.scales, &rows.biases}) {
    if (array->defined()) *array = array->slice(detail::row_axis, 0, std::min(state.offset, detail::rows_in(*array)));
  }
  return dequantize(rows, static_cast<int>(state.bits), static_cast<int>(state.group_size), dtype.value_or(side.scales.dtype()),
                    std::move(options));
}

}  // namespace

QuantizedKVCache::QuantizedKVCache(std::int64_t group_size, std::int64_t bits) {
  if (!is_supported_bits(bits) || !is_supported_group_size(group_size)) {
    throw Error(ErrorKind::usage, fmt::format("cannot quantize to {} bits in groups of {}", bits, group_size),
                "bits are 2, 3, 4, 5, 6 or 8, groups 32, 64 or 128");
  }
  state_.group_size = group_size;
  state_.bits = bits;
}

bool QuantizedKVCache::State::has_unnamed_mode() const {
  const auto named = [](const Quantized& side) {
    return side.biases.defined() && !(side.scales.defined() && side.scales.dtype() == Dtype::U8);
  };
  return keys.weights.defined() && !(named(keys) && named(values));
}

Tensor QuantizedKVCache::decoded_keys(std::optional<Dtype> dtype, DequantizeOptions options) const {
  return decoded(state_.keys, state_, dtype, std::move(options));
}

Tensor QuantizedKVCache::decoded_values(std::optional<Dtype> dtype, DequantizeOptions options) const {
  return decoded(state_.values, state_, dtype, std::move(options));
}

std::unique_ptr<Cache> QuantizedKVCache::copy() const {
  return std::make_unique<QuantizedKVCache>(*this);
}

std::uint64_t QuantizedKVCache::nbytes() const {
  std::uint64_t bytes = 0;
  for (const Quantized* side : {&state_.keys, &state_.values}) {
    for (const Tensor* array : {&side->weights, &side->scales, &side->biases}) bytes += array->defined() ? array->nbytes() : 0;
  }
  return bytes;
}

Facts QuantizedKVCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  detail::describe_arrays(state_.keys.weights, state_.values.weights, facts);
  facts.tokens = state_.offset;
  facts.bytes = nbytes();
  facts.key_dim = decoded_dim(state_.keys.weights, state_.bits);
  facts.value_dim = decoded_dim(state_.values.weights, state_.bits);
  facts.dtype = state_.keys.scales.defined() ? std::optional(state_.keys.scales.dtype()) : std::nullopt;
  const std::int64_t rows = facts.rows.value_or(0);
  if (rows > state_.offset && state_.offset >= 0) {
    const auto row_bytes = facts.bytes / static_cast<std::uint64_t>(rows);
    facts.padding_bytes = row_bytes * static_cast<std::uint64_t>(rows - state_.offset);
  }
  facts.trimmable = true;
  facts.empty = empty();
  facts.bits = state_.bits;
  facts.group_size = state_.group_size;
  return facts;
}

std::optional<Refusal> QuantizedKVCache::why_not_cut() const {
  const std::int64_t rows = detail::rows_in(state_.keys.weights);
  if (state_.offset >= rows) return std::nullopt;
  return detail::rows_behind_offset(rows, state_.offset);
}

std::optional<Refusal> QuantizedKVCache::why_not_trimmable_by(std::int64_t n) const {
  return n == 0 ? std::nullopt : why_not_cut();
}

// The first tokens are the first rows, whatever the offset should be: only beyond it that makes a difference.
std::optional<Refusal> QuantizedKVCache::why_not_trimmable_to(std::int64_t length) const {
  return length <= state_.offset ? std::nullopt : why_not_cut();
}

std::int64_t QuantizedKVCache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_legal(state_);
  detail::check_trimmable(why_not_trimmable_by(n));
  const std::int64_t trimmed = std::min(state_.offset, n);
  return trimmed == 0 ? 0 : trim_to(state_.offset - trimmed);
}

std::int64_t QuantizedKVCache::trim_to(std::int64_t length) {
  detail::check_trim_count(length);
  detail::check_legal(state_);
  detail::check_trimmable(why_not_trimmable_to(length));
  if (length >= detail::rows_in(state_.keys.weights)) return 0;
  State next = state_;
  next.offset = length;
  each_part(next, [&](const Tensor& array) { return array.slice(detail::row_axis, 0, length); });
  const std::int64_t trimmed = state_.offset - length;
  state_ = std::move(next);
  return trimmed;
}

void QuantizedKVCache::update(const Tensor& keys, const Tensor& values) {
  update(keys, values, "keys", "values");
}

void QuantizedKVCache::update(const Tensor& keys, const Tensor& values, const std::string& keys_label,
                              const std::string& values_label) {
  detail::check_legal(state_);
  if (state_.has_unnamed_mode()) {
    throw Error(ErrorKind::impossible, "it was quantized in a mode without biases, which nothing here can encode",
                "process the prompt again, or quantize a plain cache");
  }
  if (const auto refusal = why_not_cut()) throw Error(ErrorKind::impossible, refusal->why, refusal->remedy);
  detail::check_update(class_name(), empty() ? Tensor() : decoded_outline(state_.keys, state_.bits),
                       empty() ? Tensor() : decoded_outline(state_.values, state_.bits), keys, values);
  const auto bits = static_cast<int>(state_.bits);
  const auto group_size = static_cast<int>(state_.group_size);
  State next = state_;
  const auto append = [](Quantized& side, const Quantized& fresh) {
    side.weights = detail::with_appended_rows(side.weights, fresh.weights);
    side.scales = detail::with_appended_rows(side.scales, fresh.scales);
    side.biases = detail::with_appended_rows(side.biases, fresh.biases);
  };
  const Remedy wider = Remedy(Remedy::Action::dequantize, {{"dtype", "bf16"}}) + ", and an update of that dtype,";
  append(next.keys, quantize(keys, bits, group_size, {.label = keys_label, .stats = nullptr, .wider = wider}));
  append(next.values, quantize(values, bits, group_size, {.label = values_label, .stats = nullptr, .wider = wider}));
  next.offset = detail::to_int32(next.offset + detail::rows_in(keys));
  state_ = std::move(next);
}

Mask QuantizedKVCache::make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const {
  return detail::attention_mask(queries, state_.offset, window, return_array);
}

std::optional<std::int64_t> QuantizedKVCache::batch_size() const {
  if (empty()) return std::nullopt;
  return state_.keys.weights.dim(detail::batch_axis);
}

std::vector<Cache::Part> QuantizedKVCache::parts() const {
  const std::array<Part, 6> all{{{"key codes", state_.keys.weights},
                                 {"key scales", state_.keys.scales},
                                 {"key biases", state_.keys.biases},
                                 {"value codes", state_.values.weights},
                                 {"value scales", state_.values.scales},
                                 {"value biases", state_.values.biases}}};
  std::vector<Part> defined;
  std::copy_if(all.begin(), all.end(), std::back_inserter(defined), [](const Part& part) { return part.tensor.defined(); });
  return defined;
}

}  // namespace kvcache

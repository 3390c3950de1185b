#include "kvcache/cache/turbo_quant_kv_cache.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

using Form = TurboQuantKVCache::Form;

// One letter per array: f float (F32 counts), w packed words.
std::string signature(std::span<const Tensor> arrays) {
  std::string letters;
  for (const Tensor& array : arrays) {
    if (!array.defined()) return {};
    letters += array.dtype() == Dtype::U32 ? 'w' : is_float(array.dtype()) ? 'f' : '?';
  }
  return letters;
}

// All arrays have rows on axis 2 ([B, H, L, ...]) but the calibration vector.
bool has_rows(const Tensor& array) {
  return array.rank() >= 3;
}

std::vector<const char*> part_names(Form form) {
  switch (form) {
    case Form::plain:
      return {"keys", "values"};
    case Form::raw_keys:
      return {"keys", "value codes", "value norms"};
    case Form::affine_keys:
      return {"key codes", "key scales", "key biases", "value codes", "value norms"};
    case Form::symmetric:
      return {"key codes", "key norms", "value codes", "value norms", "calibration"};
  }
  return {};
}

}  // namespace

std::optional<Form> TurboQuantKVCache::form_of(std::span<const Tensor> arrays, std::int64_t key_bits) {
  const std::string letters = signature(arrays);
  if (letters == "ff") return Form::plain;
  if (letters == "fwf" && key_bits == 0) return Form::raw_keys;
  if (letters == "wffwf" && key_bits == 8) return Form::affine_keys;
  if ((letters == "wfwf" || letters == "wfwff") && key_bits > 0 && key_bits < 8) return Form::symmetric;
  return std::nullopt;
}

std::unique_ptr<Cache> TurboQuantKVCache::copy() const {
  return std::make_unique<TurboQuantKVCache>(*this);
}

std::uint64_t TurboQuantKVCache::nbytes() const {
  std::uint64_t bytes = 0;
  for (const Tensor& array : state_.arrays) bytes += array.nbytes();
  return bytes;
}

Facts TurboQuantKVCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  facts.tokens = state_.offset;
  facts.bytes = nbytes();
  facts.trimmable = true;
  facts.empty = empty();
  facts.bits = state_.bits;
  if (empty() || state_.arrays.front().rank() != 4) return facts;
  const Tensor& keys = state_.arrays.front();
  facts.batch = keys.dim(detail::batch_axis);
  facts.kv_heads = keys.dim(detail::head_axis);
  facts.rows = keys.dim(detail::row_axis);
  const std::int64_t width = keys.dim(detail::dim_axis);
  // Codebook keys are padded to whole words, so that only the calibration vector tells their dim.
  if (state_.form == Form::affine_keys) {
    facts.key_dim = width * 4;
  } else if (state_.form != Form::symmetric) {
    facts.key_dim = width;
    facts.dtype = keys.dtype();
  } else if (state_.arrays.size() == 5) {
    facts.key_dim = static_cast<std::int64_t>(state_.arrays.back().elements());
  }
  if (state_.form == Form::plain && state_.arrays.back().rank() == 4)
    facts.value_dim = state_.arrays.back().dim(detail::dim_axis);
  return facts;
}

std::optional<Refusal> TurboQuantKVCache::why_not_trimmable_by(std::int64_t n) const {
  if (n == 0 || empty() || !has_rows(state_.arrays.front())) return std::nullopt;
  const std::int64_t rows = state_.arrays.front().dim(detail::row_axis);
  if (state_.offset >= rows) return std::nullopt;
  return detail::rows_behind_offset(rows, state_.offset);
}

std::int64_t TurboQuantKVCache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_legal(state_);
  if (empty()) return 0;
  detail::check_trimmable(why_not_trimmable_by(n));
  State next = state_;
  const std::int64_t trimmed = std::min(state_.offset, n);
  next.offset -= trimmed;
  for (Tensor& array : next.arrays) {
    if (!has_rows(array)) continue;
    array = array.slice(detail::row_axis, 0, next.offset);
  }
  if (trimmed == 0) return 0;
  state_ = std::move(next);
  return trimmed;
}

std::optional<std::int64_t> TurboQuantKVCache::batch_size() const {
  if (empty() || !has_rows(state_.arrays.front())) return std::nullopt;
  return state_.arrays.front().dim(detail::batch_axis);
}

std::vector<Cache::Part> TurboQuantKVCache::parts() const {
  const std::vector<const char*> names = part_names(state_.form);
  std::vector<Part> parts;
  for (std::size_t i = 0; i < state_.arrays.size(); ++i) {
    parts.push_back({i < names.size() ? names[i] : fmt::format("array {}", i), state_.arrays[i]});
  }
  return parts;
}

}  // namespace kvcache

#include "kvcache/cache/chunked_kv_cache.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "cache/mask.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

bool all_zero(const Tensor& array) {
  std::vector<std::byte> block(std::size_t{64} << 10U);
  for (std::uint64_t at = 0; at < array.nbytes(); at += block.size()) {
    const auto part =
        std::span(block).first(static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), array.nbytes() - at)));
    array.read(at, part);
    if (std::any_of(part.begin(), part.end(), [](std::byte b) { return b != std::byte{0}; })) return false;
  }
  return true;
}

// Before rows are cut off behind the valid ones. Where no sibling tells the offset and the front was dropped, loaders take the
// row count for it; that is right in files where as many zero rows stand for what was dropped, and else would cut live rows.
void check_valid_rows_known(const ChunkedKVCache& cache) {
  const auto& state = cache.state();
  if (cache.empty() || state.true_offset || state.start_position == 0) return;
  const auto is_padding = [&](const Tensor& array) {
    return all_zero(array.slice(detail::row_axis, cache.valid_rows(), cache.stored_rows()));
  };
  if (is_padding(state.keys) && is_padding(state.values)) return;
  throw Error(ErrorKind::impossible,
              fmt::format("start_position {} and no other layer that tells the offset: nobody knows which of the {} rows hold "
                          "the last tokens",
                          state.start_position, cache.stored_rows()),
              "process the prompt again, or change the cache in the runtime that made it");
}

// How many rows the front trim before an update drops: e03e45ed (2026-08-21) looks at valid rows, not at the buffer.
std::int64_t front_trim(const ChunkedKVCache& cache) {
  const auto chunk_size = cache.state().chunk_size;
  return chunk_size ? std::max<std::int64_t>(cache.valid_rows() - *chunk_size, 0) : 0;
}

}  // namespace

ChunkedKVCache::ChunkedKVCache(std::int64_t chunk_size) {
  if (chunk_size < 1) throw Error(ErrorKind::usage, fmt::format("a chunk of {} tokens", chunk_size));
  state_.chunk_size = chunk_size;
}

std::int64_t ChunkedKVCache::stored_rows() const {
  return detail::rows_in(state_.keys);
}

std::int64_t ChunkedKVCache::offset() const {
  return state_.true_offset.value_or(stored_rows());
}

std::int64_t ChunkedKVCache::valid_rows() const {
  return offset() - state_.start_position;
}

ChunkedKVCache::State ChunkedKVCache::repaired() const {
  if (empty()) return state_;
  detail::check_legal(state_);
  State next = state_;
  next.true_offset = offset();
  const std::int64_t valid = valid_rows();
  // Nothing was dropped and nothing is missing: the arrays are right as they are.
  if (stored_rows() == offset()) return next;
  detail::each_array(next, [&](const Tensor& array) {
    return array.slice(detail::row_axis, 0, valid).pad(detail::row_axis, 0, offset() - valid);
  });
  return next;
}

ChunkedKVCache::State ChunkedKVCache::valid() const {
  if (empty()) return state_;
  detail::check_legal(state_);
  check_valid_rows_known(*this);
  State next = state_;
  next.true_offset = offset();
  detail::each_array(next, [&](const Tensor& array) { return array.slice(detail::row_axis, 0, valid_rows()); });
  return next;
}

std::unique_ptr<Cache> ChunkedKVCache::copy() const {
  return std::make_unique<ChunkedKVCache>(*this);
}

std::uint64_t ChunkedKVCache::nbytes() const {
  return detail::kv_nbytes(state_.keys, state_.values);
}

Facts ChunkedKVCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  facts.tokens = offset();
  detail::describe_arrays(state_.keys, state_.values, facts);
  if (const std::int64_t unused = stored_rows() - std::max<std::int64_t>(valid_rows(), 0); unused > 0) {
    facts.padding_bytes =
        detail::row_bytes(state_.keys, state_.values, unused) * static_cast<std::uint64_t>(facts.batch.value_or(0));
  }
  facts.trimmable = true;
  facts.empty = empty();
  facts.chunk_size = state_.chunk_size;
  facts.start_position = state_.start_position;
  return facts;
}

std::optional<Refusal> ChunkedKVCache::why_not_trimmable_by(std::int64_t n) const {
  const std::int64_t start = state_.start_position;
  const std::int64_t removed = std::min(n, offset());
  if (removed <= 0 || start <= 0) return std::nullopt;
  const std::int64_t size = state_.chunk_size.value_or(0);
  const std::int64_t left = offset() - removed;
  std::string why;
  if (removed > valid_rows()) {
    why = fmt::format("its first {} of {} tokens are gone from the chunk, so at most {} of the last can be removed", start,
                      offset(), std::max<std::int64_t>(valid_rows(), 0));
  } else if (size > 0 && left / size * size < start) {
    why =
        fmt::format("behind {} tokens the next one would look back to token {}, but the first {} of {} are gone from the chunk",
                    left, left / size * size, start, offset());
  } else {
    return std::nullopt;
  }
  const std::int64_t shortest = size > 0 ? (start + size - 1) / size * size : start;
  if (shortest >= offset())
    return Refusal{std::move(why), "no shorter cache of these tokens is sound: process the prompt again"};
  return Refusal{std::move(why), Remedy(fmt::format("{} tokens or more can stay: ", shortest)) +
                                     Remedy(Remedy::Action::trim, {{"to", std::to_string(shortest)}})};
}

std::int64_t ChunkedKVCache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_legal(state_);
  detail::check_trimmable(why_not_trimmable_by(n));
  const std::int64_t trimmed = std::min(valid_rows(), n);
  if (trimmed == 0) return 0;
  check_valid_rows_known(*this);
  State next = state_;
  next.true_offset = offset() - trimmed;
  detail::each_array(next,
                     [rows = valid_rows() - trimmed](const Tensor& array) { return array.slice(detail::row_axis, 0, rows); });
  state_ = std::move(next);
  return trimmed;
}

void ChunkedKVCache::update(const Tensor& keys, const Tensor& values) {
  detail::check_legal(state_);
  check_valid_rows_known(*this);
  detail::check_update(class_name(), state_.keys, state_.values, keys, values);
  State next = state_;
  if (!empty()) {
    // Models call maybe_trim_front() before every update, so it belongs to it.
    const std::int64_t dropped = front_trim(*this);
    next.start_position += dropped;
    detail::each_array(next, [&](const Tensor& array) { return array.slice(detail::row_axis, dropped, valid_rows()); });
  }
  detail::each_array(next, keys, values, detail::with_appended_rows);
  next.true_offset = detail::to_int32(offset() + detail::rows_in(keys));
  state_ = std::move(next);
}

// The reference's class has no mask: this is the one its only user, llama4, makes. Tokens see their own chunk, up to
// themselves.
Mask ChunkedKVCache::make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const {
  detail::check_legal(state_);
  if (!state_.chunk_size) return detail::attention_mask(queries, offset(), window, return_array);
  detail::check_mask_request(queries, window);
  const std::int64_t start = state_.start_position + front_trim(*this);
  const Shape shape{queries, detail::columns_of(queries, offset() - start)};
  detail::check_mask_size(shape);
  std::vector<detail::VisibleSpan> spans;
  for (std::int64_t position = offset(); position < offset() + queries; ++position) {
    detail::VisibleSpan span = detail::causal_span(position - start, window);
    span.begin = std::max(span.begin, position / *state_.chunk_size * *state_.chunk_size - start);
    spans.push_back(span);
  }
  return {Mask::Kind::array, detail::mask_of_spans(shape, std::move(spans))};
}

std::optional<std::int64_t> ChunkedKVCache::batch_size() const {
  if (empty()) return std::nullopt;
  return state_.keys.dim(detail::batch_axis);
}

std::vector<Cache::Part> ChunkedKVCache::parts() const {
  if (empty()) return {};
  return {{"keys", state_.keys}, {"values", state_.values}};
}

}  // namespace kvcache

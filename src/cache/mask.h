// Attention masks as rows with one visible span each, computed while they are read: N x S booleans never sit in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kvcache/cache.h"

namespace kvcache::detail {

/// Columns [begin, end) that one query may attend; anything outside of the row is cut off, an empty span hides the row.
struct VisibleSpan {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// What a query at position `query` sees: everything up to itself, at most `window` tokens.
[[nodiscard]] VisibleSpan causal_span(std::int64_t query, std::optional<std::int64_t> window);

/// BOOL of `shape`, whose last axis has one span per row, rolled right by `shift` columns.
[[nodiscard]] Tensor mask_of_spans(Shape shape, std::vector<VisibleSpan> spans, std::int64_t shift = 0);

/// Throws Error(usage) unless queries >= 1 and window, where given, >= 1.
void check_mask_request(std::int64_t queries, std::optional<std::int64_t> window);
/// Throws Error(impossible) for a mask of more than 2^28 booleans: that is a mistake, not a mask.
void check_mask_size(const Shape& shape);

/// offset + queries, or something that check_mask_size refuses; 0 <= offset <= max_dim.
[[nodiscard]] std::int64_t columns_of(std::int64_t queries, std::int64_t offset);

/// The reference's create_causal_mask(N, offset, window): BOOL [N, offset+N]; true where key position <= query position
/// (and query position < key position + window).
[[nodiscard]] Tensor causal_mask(std::int64_t queries, std::int64_t offset, std::optional<std::int64_t> window);

/// The reference's create_attention_mask for a cache that keeps all of its `offset` tokens.
[[nodiscard]] Mask attention_mask(std::int64_t queries, std::int64_t offset, std::optional<std::int64_t> window,
                                  bool return_array);

/// The causal mask of a batch, [B, 1, queries, offset + queries]: columns before left_padding[b], which may be negative, are
/// hidden; then columns are rolled right by `shift`.
[[nodiscard]] Tensor left_padded_mask(std::int64_t queries, std::int64_t offset, std::optional<std::int64_t> window,
                                      const Int32s& left_padding, std::int64_t shift = 0);

}  // namespace kvcache::detail

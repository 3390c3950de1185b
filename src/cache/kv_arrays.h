// What every cache of keys and values [B, H, S, D] needs: rows in, rows out, and what they look like.
//
// The templates work on any State with members `keys` and `values`; changes are made on a copy of the state, which is cheap
// (two pointers) and makes every operation all or nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/axes.h"
#include "kvcache/cache.h"

namespace kvcache::detail {

/// Shared refusals: "CLASS has no METHOD; ...".
[[noreturn]] void no_such_operation(std::string_view class_name, std::string_view operation, Remedy remedy = {});
/// Keys and values of an update against stored ones: rank 4, equal B, H, D and dtype, equal rows. Throws Error(impossible).
void check_update(std::string_view class_name, const Tensor& stored_keys, const Tensor& stored_values, const Tensor& keys,
                  const Tensor& values);

/// Rows (tokens) of keys or values [B, H, S, D], packed or not; 0 for an absent array, and for one that has none.
[[nodiscard]] std::int64_t rows_in(const Tensor& array);
/// Zeros in the shape of `like`, for `batch` sequences.
[[nodiscard]] Tensor zeros_for(const Tensor& like, std::int64_t batch);
/// Without rows [begin, begin + count).
[[nodiscard]] Tensor without_rows(const Tensor& array, std::int64_t begin, std::int64_t count);
/// `stored`, which may be undefined, followed by `fresh`.
[[nodiscard]] Tensor with_appended_rows(const Tensor& stored, const Tensor& fresh);
/// With row `row` replaced by the one row of `fresh`.
[[nodiscard]] Tensor with_row(const Tensor& array, std::int64_t row, const Tensor& fresh);

/// f(array) -> array, for keys and values.
template <class State, class F>
void each_array(State& state, F&& f) {
  state.keys = f(state.keys);
  state.values = f(state.values);
}

/// f(stored, fresh) -> array, for keys and values.
template <class State, class F>
void each_array(State& state, const Tensor& keys, const Tensor& values, F&& f) {
  state.keys = f(state.keys, keys);
  state.values = f(state.values, values);
}

/// Bytes of both arrays, 0 when undefined.
[[nodiscard]] std::uint64_t kv_nbytes(const Tensor& keys, const Tensor& values);
/// Rows, batch, heads, dims, dtype and bytes, as far as the arrays tell.
void describe_arrays(const Tensor& keys, const Tensor& values, Facts& facts);
/// Bytes that `rows` rows of one sequence take in both arrays.
[[nodiscard]] std::uint64_t row_bytes(const Tensor& keys, const Tensor& values, std::int64_t rows);

/// Why two caches cannot stand side by side ("key head dims 64 and 128"), comparing all but batch and rows; nothing when they
/// can, or when one of them holds no arrays.
[[nodiscard]] std::optional<std::string> kv_mismatch(const Tensor& keys, const Tensor& values, const Tensor& other_keys,
                                                     const Tensor& other_values);

/// Rows behind a layer's offset hold tokens that the offset has lost, or nothing: no operation that would drop them may decide
/// that. The refusal of those that would.
[[nodiscard]] Refusal rows_behind_offset(std::int64_t rows, std::int64_t offset);

/// Throws Error(usage) when n < 0.
void check_trim_count(std::int64_t n);
/// Throws Error(impossible) for a reason not to trim.
void check_trimmable(const std::optional<Refusal>& refusal);
/// Tokens that a single sequence holds beyond its first `length`.
[[nodiscard]] std::int64_t tokens_beyond(const Cache& cache, std::int64_t length);

}  // namespace kvcache::detail

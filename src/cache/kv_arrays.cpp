#include "cache/kv_arrays.h"

#include <algorithm>

#include <fmt/format.h>

#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

bool is_kv(const Tensor& array) {
  return array.defined() && array.rank() == 4;
}

std::optional<std::string> dim_mismatch(const char* what, const Tensor& a, const Tensor& b, int axis) {
  if (a.dim(axis) == b.dim(axis)) return std::nullopt;
  return fmt::format("{} {} and {}", what, a.dim(axis), b.dim(axis));
}

std::optional<std::string> dtype_mismatch(const char* what, const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype()) return std::nullopt;
  return fmt::format("{} {} and {}", what, name(a.dtype()), name(b.dtype()));
}

}  // namespace

std::int64_t rows_in(const Tensor& array) {
  return array.defined() && array.rank() > row_axis ? array.dim(row_axis) : 0;
}

Tensor zeros_for(const Tensor& like, std::int64_t batch) {
  Shape shape = like.shape();
  shape[batch_axis] = batch;
  return Tensor::zeros(like.dtype(), std::move(shape));
}

Tensor without_rows(const Tensor& array, std::int64_t begin, std::int64_t count) {
  return concatenate({array.slice(row_axis, 0, begin), array.slice(row_axis, begin + count, rows_in(array))}, row_axis);
}

Tensor with_appended_rows(const Tensor& stored, const Tensor& fresh) {
  return stored.defined() ? concatenate({stored, fresh}, row_axis) : fresh;
}

Tensor with_row(const Tensor& array, std::int64_t row, const Tensor& fresh) {
  return concatenate({array.slice(row_axis, 0, row), fresh, array.slice(row_axis, row + 1, rows_in(array))}, row_axis);
}

std::uint64_t kv_nbytes(const Tensor& keys, const Tensor& values) {
  return (keys.defined() ? keys.nbytes() : 0) + (values.defined() ? values.nbytes() : 0);
}

void describe_arrays(const Tensor& keys, const Tensor& values, Facts& facts) {
  facts.bytes = kv_nbytes(keys, values);
  if (is_kv(keys)) {
    facts.rows = keys.dim(row_axis);
    facts.batch = keys.dim(batch_axis);
    facts.kv_heads = keys.dim(head_axis);
    facts.key_dim = keys.dim(dim_axis);
    facts.dtype = keys.dtype();
  }
  if (is_kv(values)) facts.value_dim = values.dim(dim_axis);
}

std::uint64_t row_bytes(const Tensor& keys, const Tensor& values, std::int64_t rows) {
  std::uint64_t bytes = 0;
  for (const Tensor* array : {&keys, &values}) {
    if (!is_kv(*array) || rows <= 0) continue;
    // Both factors are within one array's bytes, so the product is as well: rows <= S.
    const auto width = static_cast<std::uint64_t>(array->dim(head_axis)) * static_cast<std::uint64_t>(array->dim(dim_axis));
    bytes += width * item_size(array->dtype()) * static_cast<std::uint64_t>(rows);
  }
  return bytes;
}

std::optional<std::string> kv_mismatch(const Tensor& keys, const Tensor& values, const Tensor& other_keys,
                                       const Tensor& other_values) {
  if (!is_kv(keys) || !is_kv(other_keys) || !is_kv(values) || !is_kv(other_values)) return std::nullopt;
  if (auto why = dim_mismatch("KV heads", keys, other_keys, head_axis)) return why;
  if (auto why = dim_mismatch("value heads", values, other_values, head_axis)) return why;
  if (auto why = dim_mismatch("key head dims", keys, other_keys, dim_axis)) return why;
  if (auto why = dim_mismatch("value head dims", values, other_values, dim_axis)) return why;
  if (auto why = dtype_mismatch("key dtypes", keys, other_keys)) return why;
  return dtype_mismatch("value dtypes", values, other_values);
}

void check_update(std::string_view class_name, const Tensor& stored_keys, const Tensor& stored_values, const Tensor& keys,
                  const Tensor& values) {
  const auto refuse = [&](const std::string& why, const char* hint) {
    throw Error(ErrorKind::impossible, fmt::format("the update does not fit this {}: {}", class_name, why), hint);
  };
  const char* const wanted = "keys and values of an update are [B, H, N, D], with the cache's own B, H, D and dtype";
  if (!is_kv(keys)) refuse(keys.defined() ? "its keys are " + to_string(keys.shape()) : "it has no keys", wanted);
  if (!is_kv(values)) refuse(values.defined() ? "its values are " + to_string(values.shape()) : "it has no values", wanted);
  for (const int axis : {batch_axis, row_axis}) {
    if (keys.dim(axis) != values.dim(axis)) {
      refuse(fmt::format("its keys are {} but its values {}", to_string(keys.shape()), to_string(values.shape())), wanted);
    }
  }
  if (keys.dim(row_axis) == 0) refuse("it holds no rows", wanted);
  if (!stored_keys.defined()) return;
  if (auto why = dim_mismatch("batch sizes", stored_keys, keys, batch_axis)) refuse(*why, wanted);
  if (auto why = kv_mismatch(stored_keys, stored_values, keys, values)) refuse(*why, wanted);
}

Refusal rows_behind_offset(std::int64_t rows, std::int64_t offset) {
  return {fmt::format("it has {} rows but offset {}: the last {} would be lost", rows, offset, rows - offset),
          Remedy(Remedy::Action::repair) + " restores an offset that the other layers agree on"};
}

void check_trim_count(std::int64_t n) {
  if (n < 0) throw Error(ErrorKind::usage, fmt::format("cannot trim {} tokens", n), "give a number of tokens from 0");
}

void check_trimmable(const std::optional<Refusal>& refusal) {
  if (!refusal) return;
  throw Error(
      ErrorKind::impossible, "cannot be trimmed: " + refusal->why,
      refusal->remedy.empty() ? "keep a copy from before the tokens to remove, or process the prompt again" : refusal->remedy);
}

std::int64_t tokens_beyond(const Cache& cache, std::int64_t length) {
  return std::max<std::int64_t>(0, cache.facts().tokens.value_or(0) - length);
}

}  // namespace kvcache::detail

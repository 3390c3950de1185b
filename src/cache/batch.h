// Batches of left-padded sequences: what BatchKVCache and BatchRotatingKVCache share.
//
// The templates work on their States: keys, values [B, H, L, D], offset and left_padding [B].
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cache/invariants/invariants.h"
#include "cache/kv_arrays.h"
#include "kvcache/cache.h"
#include "kvcache/error.h"

namespace kvcache::detail {

// Per-sequence integers. All throw Error(impossible) when a value leaves 32 bits, which is what files store.
[[nodiscard]] Int32s plus(const Int32s& values, std::int64_t delta);
[[nodiscard]] Int32s plus(const Int32s& values, const Int32s& deltas, std::int64_t factor = 1);
[[nodiscard]] Int32s taken(const Int32s& values, std::span<const std::int64_t> indices);
[[nodiscard]] Int32s joined(Int32s first, const Int32s& second);
[[nodiscard]] std::int32_t to_int32(std::int64_t value);

/// Throws Error(usage) unless index is in [0, batch). A layer that was never used does not know its batch: any index will do.
void check_sequence(std::int64_t index, std::optional<std::int64_t> batch);
/// As check_sequence for each; at least one.
void check_sequences(std::span<const std::int64_t> indices, std::optional<std::int64_t> batch);
/// Throws Error(impossible) unless an update holds `batch` sequences; check_update knows that only once there are arrays.
void check_update_batch(const Tensor& keys, std::size_t batch);
/// Throws Error(usage) unless there is one padding >= 0 for each sequence.
void check_right_padding(const Int32s& right_padding, std::int64_t batch);
/// Right padding is part of the tokens a sequence has: throws Error(usage) naming the first one with less.
void check_padding_within(const Int32s& right_padding, const Int32s& offset);
/// What prepare() remembers: nothing where no sequence is padded.
[[nodiscard]] Int32s pending(const Int32s& right_padding);
/// Why n tokens cannot be taken from each sequence: the first one that has fewer is named.
[[nodiscard]] std::optional<Refusal> why_not_from_each(const Int32s& offset, std::int64_t n);
/// Throws Error(impossible) when a batch waits for finalize().
void check_not_pending(const Int32s& right_padding, const char* operation);
/// Bytes of keys and values that left padding takes.
[[nodiscard]] std::uint64_t padding_bytes(const Tensor& keys, const Tensor& values, const Int32s& left_padding);
/// offsets and left_padding lists, tokens (the longest sequence's) and padding of a batch.
void describe_batch(const Tensor& keys, const Tensor& values, const Int32s& offset, const Int32s& left_padding, Facts& facts);
/// "offsets", "left padding" after keys and values.
[[nodiscard]] std::vector<Cache::Part> batch_parts(const Tensor& keys, const Tensor& values, const Int32s& offset,
                                                   const Int32s& left_padding);

/// The batch that is to be appended to `mine`, after checking that both are legal and fit. Throws Error(impossible).
template <class Class>
const Class& extensible(const Class& mine, const Cache& other) {
  check_legal(mine.state());
  const Class* const batch = as<Class>(other);
  if (batch != nullptr) check_legal(batch->state());
  if (const auto why = mine.mismatch(other)) throw Error(ErrorKind::impossible, "the batches differ: " + *why);
  return *batch;
}

/// The caches as Class, after checking that there is one, that all fit beside the first used one, and that each is legal and
/// holds one sequence. Throws Error(impossible).
template <class Class>
std::vector<const Class*> mergeable(std::span<const Cache* const> caches) {
  if (caches.empty()) throw Error(ErrorKind::usage, "nothing to merge");
  const auto used = std::find_if(caches.begin(), caches.end(), [](const Cache* cache) { return !cache->empty(); });
  const auto reference = used == caches.end() ? caches.begin() : used;
  std::vector<const Class*> all;
  for (std::size_t i = 0; i < caches.size(); ++i) {
    if (const Class* const cache = as<Class>(*caches[i])) check_legal(cache->state());
    if (const auto why = (*reference)->mismatch(*caches[i])) {
      throw Error(ErrorKind::impossible, fmt::format("caches {} and {} differ: {}", reference - caches.begin(), i, *why));
    }
    if (const auto batch = caches[i]->batch_size(); batch.value_or(1) != 1) {
      throw Error(ErrorKind::impossible, fmt::format("cache {} holds {} sequences: only single ones can be merged", i, *batch),
                  Remedy(Remedy::Action::extend) + " joins batches");
    }
    all.push_back(as<Class>(*caches[i]));
    if (all.back() == nullptr) throw Error(ErrorKind::impossible, fmt::format("cache {} is a {}", i, caches[i]->class_name()));
  }
  return all;
}

/// One sequence to be merged: its rows in temporal order, undefined where it was never used, and its offset.
struct Sequence {
  Tensor keys;
  Tensor values;
  std::int64_t offset = 0;
};

/// Pads each sequence on the left to the longest and stacks them. Without any rows: the state of a batch never used.
template <class State>
State side_by_side(std::span<const Sequence> sequences) {
  State state;
  const Sequence* longest = &sequences.front();
  for (const Sequence& one : sequences) {
    if (rows_in(one.keys) > rows_in(longest->keys)) longest = &one;
  }
  const std::int64_t rows = rows_in(longest->keys);
  std::vector<Tensor> keys;
  std::vector<Tensor> values;
  for (const Sequence& one : sequences) {
    const std::int64_t padding = rows - rows_in(one.keys);
    state.offset.push_back(to_int32(one.offset));
    state.left_padding.push_back(to_int32(padding));
    const auto padded = [padding](const Tensor& array, const Tensor& like) {
      return array.defined() ? array.pad(row_axis, padding, 0) : Tensor::zeros(like.dtype(), like.shape());
    };
    if (rows > 0) keys.push_back(padded(one.keys, longest->keys));
    if (rows > 0) values.push_back(padded(one.values, longest->values));
  }
  if (rows > 0) state.keys = concatenate(keys, batch_axis);
  if (rows > 0) state.values = concatenate(values, batch_axis);
  return state;
}

/// Keeps the first `length` tokens of each sequence, all where it has fewer: rows [rows - offset[b], rows) hold the tokens, and
/// do so again in the result. Returns how many went, of the sequence that lost most; then 0 is no change.
template <class State>
std::int64_t keep_first(State& state, std::int64_t length) {
  const std::int64_t rows = rows_in(state.keys);
  std::int64_t most_gone = 0;
  std::int64_t most_left = 0;
  Int32s left;
  for (const std::int32_t tokens : state.offset) {
    left.push_back(to_int32(std::clamp<std::int64_t>(length, 0, std::max(tokens, 0))));
    most_gone = std::max<std::int64_t>(most_gone, tokens - left.back());
    most_left = std::max<std::int64_t>(most_left, left.back());
  }
  if (most_gone == 0) return 0;
  each_array(state, [&](const Tensor& array) {
    if (most_left == 0) return array.slice(row_axis, 0, 0);
    std::vector<Tensor> sequences;
    for (std::size_t b = 0; b < left.size(); ++b) {
      const auto index = static_cast<std::int64_t>(b);
      const std::int64_t begin = rows - std::max(state.offset[b], 0);
      sequences.push_back(array.slice(batch_axis, index, index + 1)
                              .slice(row_axis, begin, begin + left[b])
                              .pad(row_axis, most_left - left[b], 0));
    }
    return concatenate(sequences, batch_axis);
  });
  state.left_padding.clear();
  for (const std::int32_t tokens : left) state.left_padding.push_back(to_int32(most_left - tokens));
  state.offset = std::move(left);
  return most_gone;
}

/// Keeps these sequences, in this order.
template <class State>
void take_sequences(State& state, std::span<const std::int64_t> indices) {
  if (state.keys.defined()) {
    each_array(state, [&](const Tensor& array) { return array.take(batch_axis, indices); });
  }
  state.offset = taken(state.offset, indices);
  state.left_padding = taken(state.left_padding, indices);
}

/// Pads the shorter of two batches on the left and puts `other` behind `state`. A batch that was never used becomes padding
/// in the other one's dtype (the reference at 62f38aeb and later makes everything float32).
template <class State>
void append_sequences(State& state, const State& other) {
  if (state.keys.defined() || other.keys.defined()) {
    const std::int64_t rows = std::max(rows_in(state.keys), rows_in(other.keys));
    const auto padded = [rows](const Tensor& array, const Tensor& like, std::size_t batch) {
      if (array.defined()) return array.pad(row_axis, rows - rows_in(array), 0);
      return zeros_for(like, static_cast<std::int64_t>(batch));
    };
    const std::int64_t left = rows - rows_in(state.keys);
    const std::int64_t other_left = rows - rows_in(other.keys);
    each_array(state, other.keys, other.values, [&](const Tensor& array, const Tensor& behind) {
      return concatenate({padded(array, behind, state.offset.size()), padded(behind, array, other.offset.size())}, batch_axis);
    });
    state.left_padding = joined(plus(state.left_padding, left), plus(other.left_padding, other_left));
  } else {
    state.left_padding = joined(std::move(state.left_padding), other.left_padding);
  }
  state.offset = joined(std::move(state.offset), other.offset);
}

/// The reference's finalize(): rolls each sequence right by its right padding, which thereby becomes left padding.
template <class State>
void right_to_left_padding(State& state, const Int32s& right_padding) {
  const std::vector<std::int64_t> shifts(right_padding.begin(), right_padding.end());
  each_array(state, [&](const Tensor& array) { return array.roll_each(row_axis, shifts); });
  state.offset = plus(state.offset, right_padding, -1);
  state.left_padding = plus(state.left_padding, right_padding);
}

}  // namespace kvcache::detail

#include "cache/batch.h"

#include <limits>

#include "common/count_of.h"

namespace kvcache::detail {

std::int32_t to_int32(std::int64_t value) {
  if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
    throw Error(ErrorKind::impossible, fmt::format("offsets and paddings are stored as 32-bit integers: {} is none", value));
  }
  return static_cast<std::int32_t>(value);
}

Int32s plus(const Int32s& values, std::int64_t delta) {
  Int32s sums;
  for (const std::int32_t value : values) sums.push_back(to_int32(value + delta));
  return sums;
}

Int32s plus(const Int32s& values, const Int32s& deltas, std::int64_t factor) {
  Int32s sums;
  for (std::size_t i = 0; i < values.size(); ++i) sums.push_back(to_int32(values[i] + factor * deltas[i]));
  return sums;
}

Int32s taken(const Int32s& values, std::span<const std::int64_t> indices) {
  Int32s some;
  for (const std::int64_t index : indices) some.push_back(values[static_cast<std::size_t>(index)]);
  return some;
}

Int32s joined(Int32s first, const Int32s& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

void check_sequence(std::int64_t index, std::optional<std::int64_t> batch) {
  if (!batch || (index >= 0 && index < *batch)) return;
  throw Error(ErrorKind::usage, fmt::format("sequence {} is out of range: the batch holds {}", index, *batch),
              fmt::format("sequences are numbered from 0 to {}", *batch - 1));
}

void check_sequences(std::span<const std::int64_t> indices, std::optional<std::int64_t> batch) {
  if (indices.empty()) throw Error(ErrorKind::usage, "a batch cannot be empty", "name at least one sequence");
  for (const std::int64_t index : indices) check_sequence(index, batch);
}

void check_update_batch(const Tensor& keys, std::size_t batch) {
  if (keys.dim(batch_axis) == static_cast<std::int64_t>(batch)) return;
  throw Error(ErrorKind::impossible, fmt::format("an update of {} sequences for a batch of {}", keys.dim(batch_axis), batch));
}

void check_right_padding(const Int32s& right_padding, std::int64_t batch) {
  if (static_cast<std::int64_t>(right_padding.size()) != batch) {
    throw Error(ErrorKind::usage, fmt::format("{} right paddings for a batch of {}", right_padding.size(), batch),
                "give one number of rows for each sequence");
  }
  for (const std::int32_t padding : right_padding) {
    if (padding < 0) throw Error(ErrorKind::usage, fmt::format("a right padding of {} rows", padding));
  }
}

void check_padding_within(const Int32s& right_padding, const Int32s& offset) {
  for (std::size_t i = 0; i < right_padding.size(); ++i) {
    if (right_padding[i] > std::max(offset[i], 0)) {
      throw Error(ErrorKind::usage,
                  fmt::format("sequence {} has {}: {} of them cannot be right padding", i,
                              count_of(static_cast<std::uint64_t>(std::max(offset[i], 0)), "token"), right_padding[i]));
    }
  }
}

std::optional<Refusal> why_not_from_each(const Int32s& offset, std::int64_t n) {
  const auto tokens = [](std::int32_t one) { return static_cast<std::uint64_t>(std::max(one, 0)); };
  const auto small = std::find_if(offset.begin(), offset.end(), [&](std::int32_t one) { return std::max(one, 0) < n; });
  if (small == offset.end()) return std::nullopt;
  const std::uint64_t fewest = tokens(*std::min_element(offset.begin(), offset.end()));
  const Remedy to = Remedy(Remedy::Action::trim, {{"to", "LEN"}}) + " keeps the first LEN tokens of each sequence";
  return Refusal{
      fmt::format("sequence {} has {}: {} cannot be removed", small - offset.begin(), count_of(tokens(*small), "token"), n),
      fewest == 0 ? to : Remedy(fmt::format("at most {} can be removed from each; ", fewest)) + to};
}

Int32s pending(const Int32s& right_padding) {
  const bool any = std::any_of(right_padding.begin(), right_padding.end(), [](std::int32_t padding) { return padding > 0; });
  return any ? right_padding : Int32s{};
}

void check_not_pending(const Int32s& right_padding, const char* operation) {
  if (right_padding.empty()) return;
  throw Error(ErrorKind::impossible,
              fmt::format("the batch is prepared for right padding: no {} before finalize()", operation));
}

std::uint64_t padding_bytes(const Tensor& keys, const Tensor& values, const Int32s& left_padding) {
  std::uint64_t bytes = 0;
  for (const std::int32_t padding : left_padding) {
    bytes += row_bytes(keys, values, std::clamp<std::int64_t>(padding, 0, rows_in(keys)));
  }
  return bytes;
}

void describe_batch(const Tensor& keys, const Tensor& values, const Int32s& offset, const Int32s& left_padding, Facts& facts) {
  describe_arrays(keys, values, facts);
  if (!offset.empty()) facts.batch = static_cast<std::int64_t>(offset.size());
  facts.offsets.emplace(offset.begin(), offset.end());
  facts.left_padding.emplace(left_padding.begin(), left_padding.end());
  facts.tokens = offset.empty() ? 0 : std::max(0, *std::max_element(offset.begin(), offset.end()));
  facts.empty = !keys.defined();
  if (!facts.empty) facts.padding_bytes = padding_bytes(keys, values, left_padding);
}

std::vector<Cache::Part> batch_parts(const Tensor& keys, const Tensor& values, const Int32s& offset,
                                     const Int32s& left_padding) {
  if (!keys.defined()) return {};
  return {
      {"keys", keys}, {"values", values}, {"offsets", Tensor::of_i32(offset)}, {"left padding", Tensor::of_i32(left_padding)}};
}

}  // namespace kvcache::detail

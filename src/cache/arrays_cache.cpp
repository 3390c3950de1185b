#include "kvcache/cache/arrays_cache.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "cache/batch.h"
#include "cache/invariants/invariants.h"
#include "cache/mask.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

std::optional<std::string> slot_mismatch(std::size_t index, const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return std::nullopt;
  if (a.dtype() != b.dtype()) return fmt::format("slot {} dtypes {} and {}", index, name(a.dtype()), name(b.dtype()));
  const auto of_one = [](const Tensor& slot) { return std::span(slot.shape()).subspan(std::min<std::size_t>(slot.rank(), 1)); };
  if (a.rank() == b.rank() && std::ranges::equal(of_one(a), of_one(b))) return std::nullopt;
  return fmt::format("slot {} shapes {} and {}", index, to_string(a.shape()), to_string(b.shape()));
}

}  // namespace

ArraysCache::ArraysCache(std::size_t slots) {
  state_.slots.resize(slots);
}

std::unique_ptr<Cache> ArraysCache::copy() const {
  return std::make_unique<ArraysCache>(*this);
}

std::uint64_t ArraysCache::nbytes() const {
  std::uint64_t bytes = 0;
  for (const Tensor& slot : state_.slots) bytes += slot.defined() ? slot.nbytes() : 0;
  return bytes;
}

bool ArraysCache::empty() const {
  return std::none_of(state_.slots.begin(), state_.slots.end(), [](const Tensor& slot) { return slot.defined(); });
}

Facts ArraysCache::facts() const {
  Facts facts;
  facts.class_name = class_name();
  facts.batch = batch_size();
  facts.bytes = nbytes();
  facts.empty = empty();
  for (const Tensor& slot : state_.slots) {
    if (slot.defined() && !facts.dtype) facts.dtype = slot.dtype();
  }
  if (state_.left_padding) facts.left_padding.emplace(state_.left_padding->begin(), state_.left_padding->end());
  if (state_.lengths) facts.lengths.emplace(state_.lengths->begin(), state_.lengths->end());
  return facts;
}

std::optional<std::string> ArraysCache::why_not_trimmable() const {
  return "recurrent state cannot be rolled back";
}

Mask ArraysCache::make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool /*return_array*/) const {
  detail::check_mask_request(queries, window);
  std::vector<detail::VisibleSpan> spans;
  if (state_.left_padding) {
    for (const std::int32_t padding : *state_.left_padding) spans.push_back({padding, queries});
  } else if (!right_padding_.empty()) {
    for (const std::int32_t padding : right_padding_) spans.push_back({0, queries - padding});
  } else if (state_.lengths) {
    for (const std::int32_t length : *state_.lengths) spans.push_back({0, length});
  }
  if (spans.empty()) return {};
  Shape shape{static_cast<std::int64_t>(spans.size()), queries};
  detail::check_mask_size(shape);
  return {Mask::Kind::array, detail::mask_of_spans(std::move(shape), std::move(spans))};
}

void ArraysCache::filter(std::span<const std::int64_t> indices) {
  detail::check_legal(state_);
  detail::check_not_pending(right_padding_, "filter");
  detail::check_sequences(indices, batch_size());
  State next = state_;
  for (Tensor& slot : next.slots) {
    if (slot.defined()) slot = slot.take(0, indices);
  }
  if (next.left_padding) next.left_padding = detail::taken(*next.left_padding, indices);
  if (next.lengths) next.lengths = detail::taken(*next.lengths, indices);
  state_ = std::move(next);
}

void ArraysCache::extend(const Cache& other) {
  const ArraysCache& batch = detail::extensible(*this, other);
  detail::check_not_pending(right_padding_, "extend");
  detail::check_not_pending(batch.right_padding_, "extend");
  // The reference puts zeros for missing lengths, which hides every token of those sequences.
  if (state_.lengths.has_value() != batch.state_.lengths.has_value()) {
    throw Error(ErrorKind::impossible, "only one of the batches has lengths", "both are in the middle of a prompt, or neither");
  }
  const std::int64_t mine = batch_size().value_or(1);
  const std::int64_t theirs = batch.batch_size().value_or(1);
  State next = state_;
  for (std::size_t i = 0; i < next.slots.size(); ++i) {
    Tensor& slot = next.slots[i];
    const Tensor& behind = batch.state_.slots[i];
    if (!slot.defined() && !behind.defined()) continue;
    slot = concatenate(
        {slot.defined() ? slot : detail::zeros_for(behind, mine), behind.defined() ? behind : detail::zeros_for(slot, theirs)},
        0);
  }
  if (state_.left_padding || batch.state_.left_padding) {
    next.left_padding = detail::joined(state_.left_padding.value_or(Int32s(static_cast<std::size_t>(mine))),
                                       batch.state_.left_padding.value_or(Int32s(static_cast<std::size_t>(theirs))));
  }
  if (state_.lengths) next.lengths = detail::joined(*state_.lengths, *batch.state_.lengths);
  state_ = std::move(next);
}

// As in the reference, left_padding and lengths do not come along: they say how the next rows of the batch are padded.
std::unique_ptr<Cache> ArraysCache::extract(std::int64_t index) const {
  detail::check_legal(state_);
  detail::check_sequence(index, batch_size());
  State one{.slots = {}, .left_padding = {}, .lengths = {}, .mamba = state_.mamba};
  for (const Tensor& slot : state_.slots) one.slots.push_back(slot.defined() ? slot.slice(0, index, index + 1) : Tensor());
  return std::make_unique<ArraysCache>(std::move(one));
}

void ArraysCache::prepare(const Int32s& right_padding) {
  detail::check_legal(state_);
  detail::check_right_padding(right_padding, batch_size().value_or(static_cast<std::int64_t>(right_padding.size())));
  right_padding_ = right_padding;
}

void ArraysCache::finalize() {
  state_.left_padding.reset();
  state_.lengths.reset();
  right_padding_.clear();
}

void ArraysCache::advance(std::int64_t n) {
  State next = state_;
  if (next.left_padding) next.left_padding = detail::plus(*next.left_padding, -n);
  if (next.lengths) next.lengths = detail::plus(*next.lengths, -n);
  state_ = std::move(next);
}

std::optional<std::int64_t> ArraysCache::batch_size() const {
  for (const Tensor& slot : state_.slots) {
    if (slot.defined() && slot.rank() > 0) return slot.dim(0);
  }
  if (state_.left_padding) return static_cast<std::int64_t>(state_.left_padding->size());
  if (state_.lengths) return static_cast<std::int64_t>(state_.lengths->size());
  return std::nullopt;
}

std::unique_ptr<Cache> ArraysCache::merge(std::span<const Cache* const> caches) const {
  const auto all = detail::mergeable<ArraysCache>(caches);
  State batch{.slots = {}, .left_padding = {}, .lengths = {}, .mamba = all.front()->state_.mamba};
  batch.slots.resize(all.front()->state_.slots.size());
  for (std::size_t i = 0; i < batch.slots.size(); ++i) {
    const auto set = std::find_if(all.begin(), all.end(), [&](const auto* one) { return one->state_.slots[i].defined(); });
    if (set == all.end()) continue;
    std::vector<Tensor> rows;
    for (const ArraysCache* one : all) {
      const Tensor& slot = one->state_.slots[i];
      rows.push_back(slot.defined() ? slot : detail::zeros_for((*set)->state_.slots[i], 1));
    }
    batch.slots[i] = concatenate(rows, 0);
  }
  auto merged = std::make_unique<ArraysCache>(std::move(batch));
  // Without any slot the batch still has to know its size.
  if (merged->empty()) merged->state_.left_padding = Int32s(all.size(), 0);
  return merged;
}

std::optional<std::string> ArraysCache::mismatch(const Cache& other) const {
  const auto* same = as<ArraysCache>(other);
  // MambaCache is ArraysCache(2) by another name.
  if (same == nullptr) return Cache::mismatch(other);
  if (state_.slots.size() != same->state_.slots.size()) {
    return fmt::format("slots {} and {}", state_.slots.size(), same->state_.slots.size());
  }
  for (std::size_t i = 0; i < state_.slots.size(); ++i) {
    if (auto why = slot_mismatch(i, state_.slots[i], same->state_.slots[i])) return why;
  }
  return std::nullopt;
}

std::vector<Cache::Part> ArraysCache::parts() const {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < state_.slots.size(); ++i) {
    if (state_.slots[i].defined()) parts.push_back({fmt::format("slot {}", i), state_.slots[i]});
  }
  if (state_.left_padding) parts.push_back({"left padding", Tensor::of_i32(*state_.left_padding)});
  if (state_.lengths) parts.push_back({"lengths", Tensor::of_i32(*state_.lengths)});
  return parts;
}

}  // namespace kvcache

#include "kvcache/cache/cache_list.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cache/context.h"
#include "cache/copies.h"
#include "cache/kv_arrays.h"
#include "kvcache/cache/arrays_cache.h"
#include "kvcache/error.h"

namespace kvcache {
namespace {

using Children = detail::Caches;

using detail::child_name;
using detail::copies;

// f(child, index) on a copy of each; the copies, so that a child that refuses leaves all as they were.
template <class F>
Children changed(const Children& children, F&& f) {
  return detail::changed(
      children, [&](std::size_t i) { return child_name(children, i); }, std::forward<F>(f));
}

// What the first child says that has something against it.
template <class F>
std::optional<Refusal> first_refusal(const Children& children, F&& f) {
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (const std::optional<Refusal> refusal = f(*children[i]))
      return Refusal{child_name(children, i) + ": " + refusal->why, refusal->remedy};
  }
  return std::nullopt;
}

}  // namespace

CacheList::CacheList(std::vector<std::unique_ptr<Cache>> children) : children_(std::move(children)) {}

std::unique_ptr<Cache> CacheList::copy() const {
  return std::make_unique<CacheList>(copies(children_));
}

std::int64_t CacheList::size() const {
  std::int64_t most = 0;
  for (const auto& child : children_) most = std::max(most, child->size());
  return most;
}

std::uint64_t CacheList::nbytes() const {
  std::uint64_t bytes = 0;
  for (const auto& child : children_) bytes += child->nbytes();
  return bytes;
}

bool CacheList::empty() const {
  return std::all_of(children_.begin(), children_.end(), [](const auto& child) { return child->empty(); });
}

Facts CacheList::facts() const {
  Facts facts;
  facts.class_name = class_name();
  for (const auto& child : children_) {
    Facts one = child->facts();
    if (one.tokens) facts.tokens = std::max(facts.tokens.value_or(0), *one.tokens);
    facts.bytes += one.bytes;
    facts.padding_bytes += one.padding_bytes;
    if (!facts.batch) facts.batch = one.batch;
    facts.children.push_back(std::move(one));
  }
  facts.trimmable = trimmable();
  facts.empty = empty();
  return facts;
}

std::optional<std::string> CacheList::why_not_trimmable() const {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (auto why = children_[i]->why_not_trimmable()) return child_name(children_, i) + ": " + *why;
  }
  return std::nullopt;
}

std::optional<Refusal> CacheList::why_not_trimmable_by(std::int64_t n) const {
  return first_refusal(children_, [n](const Cache& child) { return child.why_not_trimmable_by(n); });
}

std::optional<Refusal> CacheList::why_not_trimmable_to(std::int64_t length) const {
  return first_refusal(children_, [length](const Cache& child) { return child.why_not_trimmable_to(length); });
}

std::int64_t CacheList::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_trimmable(why_not_trimmable_by(n));
  std::int64_t trimmed = 0;
  children_ = changed(children_, [&](Cache& child, std::size_t) { trimmed = std::max(trimmed, child.trim(n)); });
  return trimmed;
}

std::int64_t CacheList::trim_to(std::int64_t length) {
  detail::check_trim_count(length);
  detail::check_trimmable(why_not_trimmable_to(length));
  std::int64_t trimmed = 0;
  children_ = changed(children_, [&](Cache& child, std::size_t) { trimmed = std::max(trimmed, child.trim_to(length)); });
  return trimmed;
}

void CacheList::update_children(std::span<const Tensor> keys_and_values) {
  if (keys_and_values.size() != 2 * children_.size()) {
    throw Error(ErrorKind::usage,
                fmt::format("{} arrays for {} children: two for each", keys_and_values.size(), children_.size()));
  }
  children_ = changed(children_, [&](Cache& child, std::size_t i) {
    const Tensor& keys = keys_and_values[2 * i];
    const Tensor& values = keys_and_values[2 * i + 1];
    if (keys.defined() || values.defined()) child.update(keys, values);
  });
}

// The reference's class has none: its users ask the child that attends, which is the first one that is not recurrent.
Mask CacheList::make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const {
  const auto attends =
      std::find_if(children_.begin(), children_.end(), [](const auto& child) { return !is<ArraysCache>(*child); });
  if (attends != children_.end()) return (*attends)->make_mask(queries, window, return_array);
  if (children_.empty()) detail::no_such_operation(class_name(), "mask without children");
  return children_.front()->make_mask(queries, window, return_array);
}

void CacheList::filter(std::span<const std::int64_t> indices) {
  children_ = changed(children_, [&](Cache& child, std::size_t) { child.filter(indices); });
}

void CacheList::extend(const Cache& other) {
  const auto* list = as<CacheList>(other);
  if (const auto why = mismatch(other)) throw Error(ErrorKind::impossible, "the batches differ: " + *why);
  children_ = changed(children_, [&](Cache& child, std::size_t i) { child.extend(*list->children_[i]); });
}

std::unique_ptr<Cache> CacheList::extract(std::int64_t index) const {
  Children one;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    one.push_back(detail::in_context(child_name(children_, i), [&] { return children_[i]->extract(index); }));
  }
  return std::make_unique<CacheList>(std::move(one));
}

void CacheList::prepare(const Int32s& right_padding) {
  children_ = changed(children_, [&](Cache& child, std::size_t) { child.prepare(right_padding); });
}

void CacheList::finalize() {
  children_ = changed(children_, [](Cache& child, std::size_t) { child.finalize(); });
}

std::optional<std::int64_t> CacheList::batch_size() const {
  std::optional<std::int64_t> batch;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    const auto one = children_[i]->batch_size();
    if (batch && one && *batch != *one) {
      throw Error(ErrorKind::impossible,
                  fmt::format("{} holds {} sequences, the children before it {}", child_name(children_, i), *one, *batch));
    }
    if (one) batch = one;
  }
  return batch;
}

std::unique_ptr<Cache> CacheList::merge(std::span<const Cache* const> caches) const {
  std::vector<const CacheList*> lists;
  for (const Cache* cache : caches) {
    if (const auto why = mismatch(*cache)) throw Error(ErrorKind::impossible, "the caches differ: " + *why);
    lists.push_back(as<CacheList>(*cache));
  }
  Children merged;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    std::vector<const Cache*> column;
    column.reserve(lists.size());
    for (const CacheList* list : lists) column.push_back(list->children_[i].get());
    merged.push_back(detail::in_context(child_name(children_, i), [&] { return children_[i]->merge(column); }));
  }
  return std::make_unique<CacheList>(std::move(merged));
}

std::optional<std::string> CacheList::mismatch(const Cache& other) const {
  const auto* same = as<CacheList>(other);
  if (same == nullptr) return Cache::mismatch(other);
  if (children_.size() != same->children_.size()) {
    return fmt::format("children {} and {}", children_.size(), same->children_.size());
  }
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (auto why = children_[i]->mismatch(*same->children_[i])) return child_name(children_, i) + ": " + *why;
  }
  return std::nullopt;
}

std::vector<Cache::Part> CacheList::parts() const {
  std::vector<Part> all;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    for (Part& part : children_[i]->parts()) all.push_back({fmt::format("child {} {}", i, part.name), std::move(part.tensor)});
  }
  return all;
}

bool any_leaf(const Cache& cache, const std::function<bool(const Cache&)>& holds) {
  const auto* list = as<CacheList>(cache);
  if (list == nullptr) return holds(cache);
  return std::any_of(list->children().begin(), list->children().end(),
                     [&](const auto& child) { return any_leaf(*child, holds); });
}

}  // namespace kvcache

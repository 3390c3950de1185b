// What a class without an operation of its own does: refuse it, by name.
#include "kvcache/cache.h"

#include <utility>

#include <fmt/format.h>

#include "cache/kv_arrays.h"
#include "kvcache/error.h"

namespace kvcache {

namespace detail {

void no_such_operation(std::string_view class_name, std::string_view operation, Remedy remedy) {
  throw Error(ErrorKind::impossible, fmt::format("{} has no {}", class_name, operation), std::move(remedy));
}

}  // namespace detail

namespace {
Remedy single() {
  return Remedy("only batches have it; ") + Remedy(Remedy::Action::merge) + " makes one from single-sequence caches";
}
}

std::int64_t Cache::trim(std::int64_t n) {
  detail::check_trim_count(n);
  detail::check_trimmable(why_not_trimmable_by(n).value_or(Refusal{"it has no tokens", {}}));
  return 0;
}

std::int64_t Cache::trim_to(std::int64_t length) {
  detail::check_trim_count(length);
  return trim(detail::tokens_beyond(*this, length));
}

std::optional<Refusal> Cache::why_not_trimmable_by(std::int64_t /*n*/) const {
  if (auto why = why_not_trimmable()) return Refusal{std::move(*why), {}};
  return std::nullopt;
}

std::optional<Refusal> Cache::why_not_trimmable_to(std::int64_t length) const {
  return why_not_trimmable_by(detail::tokens_beyond(*this, length));
}

void Cache::update(const Tensor& /*keys*/, const Tensor& /*values*/) {
  detail::no_such_operation(class_name(), "update with keys and values");
}

Mask Cache::make_mask(std::int64_t /*queries*/, std::optional<std::int64_t> /*window*/, bool /*return_array*/) const {
  detail::no_such_operation(class_name(), "mask");
}

void Cache::filter(std::span<const std::int64_t> /*indices*/) {
  detail::no_such_operation(class_name(), "filter", single());
}

void Cache::extend(const Cache& /*other*/) {
  detail::no_such_operation(class_name(), "extend", single());
}

std::unique_ptr<Cache> Cache::extract(std::int64_t /*index*/) const {
  detail::no_such_operation(class_name(), "extract", single());
}

void Cache::prepare(const Int32s& /*right_padding*/) {
  detail::no_such_operation(class_name(), "padding to align", single());
}

void Cache::finalize() {
  detail::no_such_operation(class_name(), "padding to align", single());
}

std::unique_ptr<Cache> Cache::merge(std::span<const Cache* const> /*caches*/) const {
  detail::no_such_operation(
      class_name(), "merge",
      kind() == CacheKind::quantized ? Remedy(Remedy::Action::dequantize) + " makes a KVCache of it first" : Remedy());
}

std::optional<std::string> Cache::mismatch(const Cache& other) const {
  // The kind as well: a layer that could not be decoded has the name of what it was to be.
  if (kind() == other.kind() && class_name() == other.class_name()) return std::nullopt;
  return fmt::format("classes {} and {}", class_name(), other.class_name());
}

}  // namespace kvcache

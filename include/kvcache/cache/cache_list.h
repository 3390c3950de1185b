// CacheList: several caches that one layer uses together.
#pragma once

#include <functional>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// One cache per child, in the model's order; an operation applies to every child or, when one refuses, to none.
class CacheList final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::list;  ///< kind() of every one

  /// None of them may be null.
  explicit CacheList(std::vector<std::unique_ptr<Cache>> children);
  /// The caches in it; never null.
  [[nodiscard]] const std::vector<std::unique_ptr<Cache>>& children() const noexcept { return children_; }

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return "CacheList"; }
  [[nodiscard]] std::int64_t size() const override;  ///< the largest of the children
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override;
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override;
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_by(std::int64_t n) const override;
  [[nodiscard]] std::optional<Refusal> why_not_trimmable_to(std::int64_t length) const override;
  std::int64_t trim(std::int64_t n) override;
  std::int64_t trim_to(std::int64_t length) override;
  /// One update per child: keys and values interleaved, k0 v0 k1 v1 ... (children that take none are skipped with undefined).
  void update_children(std::span<const Tensor> keys_and_values);
  [[nodiscard]] Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const override;
  void filter(std::span<const std::int64_t> indices) override;
  void extend(const Cache& other) override;
  [[nodiscard]] std::unique_ptr<Cache> extract(std::int64_t index) const override;
  void prepare(const Int32s& right_padding) override;
  void finalize() override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override;
  [[nodiscard]] std::unique_ptr<Cache> merge(std::span<const Cache* const> caches) const override;
  [[nodiscard]] std::optional<std::string> mismatch(const Cache& other) const override;
  [[nodiscard]] std::vector<Part> parts() const override;

 private:
  std::vector<std::unique_ptr<Cache>> children_;
};

/// Whether `holds` is true of a cache or, if that is a list, of one in it at any depth.
[[nodiscard]] bool any_leaf(const Cache& cache, const std::function<bool(const Cache&)>& holds);

}  // namespace kvcache

// A layer that could not be decoded (unknown class, broken arrays): shown by inspect, refused by every operation.
#pragma once

#include <utility>

#include "kvcache/cache.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Stands in for what is not understood, so that the rest of the file can be shown.
class OpaqueCache final : public Cache {
 public:
  static constexpr CacheKind own_kind = CacheKind::opaque;  ///< kind() of every one

  /// What is known of it.
  struct State {
    std::string class_name;                                      ///< as in the file, any bytes
    std::vector<Part> arrays;                                    ///< by tensor key
    std::string why;                                             ///< "unknown class", "3 arrays instead of 2"
    std::vector<std::pair<std::string, std::string>> meta = {};  ///< metadata values by their paths within the layer
  };
  /// A layer as it was found.
  explicit OpaqueCache(State state) : state_(std::move(state)) {}
  /// Everything the cache is, as a file stores it.
  [[nodiscard]] const State& state() const noexcept { return state_; }

  [[nodiscard]] CacheKind kind() const noexcept override { return own_kind; }
  [[nodiscard]] std::unique_ptr<Cache> copy() const override;
  [[nodiscard]] std::string_view class_name() const override { return state_.class_name; }
  [[nodiscard]] std::int64_t size() const override { return 0; }
  [[nodiscard]] std::uint64_t nbytes() const override;
  [[nodiscard]] bool empty() const override { return state_.arrays.empty(); }
  [[nodiscard]] Facts facts() const override;
  [[nodiscard]] std::optional<std::string> why_not_trimmable() const override;
  [[nodiscard]] std::optional<std::int64_t> batch_size() const override { return std::nullopt; }
  [[nodiscard]] std::vector<Part> parts() const override { return state_.arrays; }

 private:
  State state_;
};

}  // namespace kvcache

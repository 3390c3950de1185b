// Strictly typed access to the fields of a config.json.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvcache::detail {

/// A view of one JSON object, which outlives it. A field that is null counts as absent, as in Python. What is there but of
/// another type, or beyond the bounds, throws Error(unreadable) naming the field.
class ModelFields {
 public:
  explicit ModelFields(const nlohmann::json& object) : object_(object) {}

  [[nodiscard]] bool has(std::string_view name) const;
  /// In [1, 2^31-1]: counts and sizes. Of several names, the first one that is there.
  [[nodiscard]] std::optional<std::int64_t> size(std::initializer_list<std::string_view> names) const;
  [[nodiscard]] std::int64_t size_or(std::string_view name, std::int64_t otherwise) const;
  /// Throws Error(unreadable) when none of them is there.
  [[nodiscard]] std::int64_t required_size(std::initializer_list<std::string_view> names) const;
  /// In [0, 2^31-1].
  [[nodiscard]] std::int64_t count_or(std::string_view name, std::int64_t otherwise) const;
  [[nodiscard]] bool flag(std::string_view name) const;  ///< false when absent
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view name) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(std::string_view name) const;
  [[nodiscard]] bool is_text(std::string_view name) const;
  [[nodiscard]] std::optional<ModelFields> object(std::string_view name) const;

 private:
  [[nodiscard]] const nlohmann::json* find(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name, std::int64_t low) const;

  const nlohmann::json& object_;
};

}  // namespace kvcache::detail

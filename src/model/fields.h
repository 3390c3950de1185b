// The fields of a config.json, as a row of the table reads them.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "model/table.h"

namespace kvcache::detail {

/// What the names of a row stand for, with one config. Fields are read when they are asked for, once.
class Fields : public Names {
 public:
  /// Both outlive it.
  Fields(const ModelRow& row, const nlohmann::json& object) : row_(row), object_(object) {}

  [[nodiscard]] bool has(const std::string& name) const override;
  [[nodiscard]] Value of(const std::string& name) override;
  /// Every field without a default is there and of its kind. Throws Error(unreadable) naming the first that is not.
  void require();
  /// What `i` is from now on.
  void at_layer(std::int64_t i) { layer_ = i; }
  /// Defaults that were taken for fields that are absent: "sliding_window 512".
  [[nodiscard]] const std::vector<std::string>& assumed() const { return assumed_; }

 private:
  [[nodiscard]] const nlohmann::json* find(const std::string& name) const;
  [[nodiscard]] Value read(const ModelField& field);

  const ModelRow& row_;
  const nlohmann::json& object_;
  std::int64_t layer_ = 0;
  std::map<std::string, Value> known_;
  std::vector<std::string> assumed_;
};

}  // namespace kvcache::detail

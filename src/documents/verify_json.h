// `kvcache verify --json`: schema kvcache.verify/1.
#pragma once

#include <string_view>

#include "catalog/verify_files.h"
#include "documents/json.h"

namespace kvcache::documents {

/// "info", "warning", "error"
[[nodiscard]] std::string_view name(Severity severity) noexcept;

/// An element of `files`.
[[nodiscard]] Json json_of(const FileReport& report);

/// Gets the reports one by one, in the order of the arguments, then the counts.
class VerifyJson {
 public:
  void add(const FileReport& report);
  [[nodiscard]] Json finish(const catalog::VerifyCounts& counts);

 private:
  Json files_ = Json::array();
};

}  // namespace kvcache::documents

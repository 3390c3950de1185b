// The table of finding codes and the one way to make a finding, so that a code's severity is written in one place.
#pragma once

#include <string>
#include <string_view>

#include "kvcache/finding.h"

namespace kvcache::detail {

/// The row of a code, or nullptr.
[[nodiscard]] const CodeInfo* find_code(std::string_view code) noexcept;

/// A finding with the severity of the table. `message` must be printable; pass text of the file through printable() first.
/// `key` is raw. A code outside the table is a bug of ours: it becomes an error finding, which a test would notice.
[[nodiscard]] Finding make_finding(std::string_view code, Where where, std::string key, std::string message,
                                   Remedy remedy = {});

}  // namespace kvcache::detail

// What `kvcache verify` reports about a file. Codes are listed in docs/findings.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/remedy.h"
#include "kvcache/where.h"

namespace [[gnu::visibility("default")]] kvcache {

/// How bad a finding is.
enum class Severity { info, warning, error };

/// One problem (or fact) found in a file. Codes are stable: never reused, never renumbered.
struct Finding {
  std::string code;                     ///< "KV413"
  Severity severity = Severity::error;  ///< only errors change the exit code
  Where where;                          ///< the layer, or another part of the file
  std::string key;                      ///< tensor or metadata key, raw (escape before printing), or empty
  std::string message;                  ///< what is wrong with the values at hand and what follows from it; printable
  Remedy remedy;                        ///< what to do about it, or empty
};

/// One row of the table of codes: for `kvcache verify --list-codes`, documentation and SARIF.
struct CodeInfo {
  std::string_view code;   ///< "KV413"
  Severity severity;       ///< of every finding with this code
  std::string_view title;  ///< what is wrong, in a few words
};

/// The table of codes, ascending.
[[nodiscard]] std::span<const CodeInfo> finding_codes() noexcept;

/// In the order of the file.
using Findings = std::vector<Finding>;

}  // namespace kvcache

// The page of `kvcache report`: what is in it, section by section. All of it is bounded, however many layers a file has.
#pragma once

#include <string>

#include "cli/render/inspect.h"
#include "kvcache/stats.h"
#include "kvcache/verify.h"

namespace kvcache::cli {

struct ReportInput {
  const Document& document;
  const Overview& overview;
  const Findings& findings;
  const CacheStats& stats;
};

/// Stretches of tokens in the maps of norms.
inline constexpr std::size_t report_columns = 96;

/// The whole page. The same input gives the same bytes.
[[nodiscard]] std::string report_page(const ReportInput& input);

/// `text` about this document, a command to run for example, without the folder that the file is in: whoever shares the page
/// need not share that.
[[nodiscard]] std::string without_folder(std::string text, const Document& document);

// Its sections, as html.
[[nodiscard]] std::string loads_html(const ReportInput& input);
[[nodiscard]] std::string findings_html(const ReportInput& input);
[[nodiscard]] std::string bytes_html(const ReportInput& input);
[[nodiscard]] std::string norms_html(const ReportInput& input);
[[nodiscard]] std::string values_html(const ReportInput& input);
[[nodiscard]] std::string layers_html(const ReportInput& input);
[[nodiscard]] std::string metadata_html(const ReportInput& input);

}  // namespace kvcache::cli

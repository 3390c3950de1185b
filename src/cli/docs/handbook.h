// What the documents say about one thing: a finding, a class, a word.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/docs/documents.h"
#include "cli/docs/markdown.h"

namespace kvcache::cli {

/// A row of docs/findings.md.
struct FindingText {
  std::string meaning;
  std::string what_to_do;
  std::string section;  ///< "KV1xx: the container"
  std::string why;      ///< the first paragraph of the section
};
/// Empty texts for a code that is not there, which findings_document_test does not let happen.
[[nodiscard]] FindingText finding_text(std::string_view code);

/// A row of a table with one of these titles over its first column, as title and text of the other columns.
struct TableRow {
  std::string name;
  std::vector<std::pair<std::string, std::string>> columns;
};
/// All rows of the tables below the heading, in their order.
[[nodiscard]] std::vector<TableRow> table_below(std::string_view document, std::string_view heading);

}  // namespace kvcache::cli

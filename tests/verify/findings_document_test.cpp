// docs/findings.md explains every code, with its severity.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "kvcache/verify.h"
#include "support/folder.h"

namespace {

std::map<std::string, std::string> rows_by_code() {
  std::map<std::string, std::string> rows;
  std::istringstream text(test::read_file(KVCACHE_TESTDATA "/../docs/findings.md"));
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| KV")) continue;
    EXPECT_TRUE(rows.emplace(line.substr(2, 5), line).second) << line;
  }
  return rows;
}

TEST(FindingsDocument, HasEveryCodeWithItsSeverity) {
  const auto rows = rows_by_code();
  EXPECT_EQ(rows.size(), kvcache::finding_codes().size());
  for (const kvcache::CodeInfo& code : kvcache::finding_codes()) {
    const auto row = rows.find(std::string(code.code));
    ASSERT_NE(row, rows.end()) << code.code;
    const char* const severity = code.severity == kvcache::Severity::error     ? "| error"
                                 : code.severity == kvcache::Severity::warning ? "| warning"
                                                                               : "| info";
    EXPECT_NE(row->second.find(severity), std::string::npos) << row->second;
  }
}

}  // namespace

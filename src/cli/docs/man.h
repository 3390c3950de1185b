// Man pages from what help is made of: each command's options, summary, details and examples.
#pragma once

#include <string>
#include <vector>

#include "cli/cli11.h"

namespace kvcache::cli {

struct ManPage {
  std::string file;  ///< "kvcache-trim.1"
  std::string text;  ///< mdoc(7)
};

/// kvcache.1 and one page for each command that is not hidden. `root`: with all commands declared.
[[nodiscard]] std::vector<ManPage> man_pages(const CLI::App& root);

}  // namespace kvcache::cli

// What commands that edit one file share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/files/output.h"

namespace kvcache::cli {

/// What an edit has done: for the summary.
struct Edit {
  std::string what;
  Json more = Json::object();
};

/// What commands that edit one file share: check the output, read the first of `inputs` (the others are read by `edit` itself),
/// edit it in memory, write it in the format that it had, and print the summary. Returns the exit code.
int edit_file(Context& context, const std::vector<std::string>& inputs, const OutputOptions& options,
              const std::function<Edit(PromptCache&)>& edit);

}  // namespace kvcache::cli

// `kvcache explain FOLDER`: why a server's folder does not hit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command.h"

namespace kvcache::cli {

/// What is compared, beside the folder.
struct ExplainFolderOptions {
  std::string tokens;
  std::string like;
  std::string model;
  std::string model_name;
  std::optional<std::int64_t> block_size;
  [[nodiscard]] bool any() const {
    return !tokens.empty() || !like.empty() || !model.empty() || !model_name.empty() || block_size.has_value();
  }
};

void add_explain_folder_options(CLI::App& app, ExplainFolderOptions& options);

/// Whether an argument of `explain` is a path that is there, and no word.
[[nodiscard]] bool is_path_to_explain(const std::string& what);

/// Prints it. Returns 1 where tokens were given and nothing of the folder is of use for them, else 0.
int explain_folder(Context& context, const std::string& folder, const ExplainFolderOptions& options, bool json);

}  // namespace kvcache::cli

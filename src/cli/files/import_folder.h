// kvcache convert of what another project has left on the disk: a prompt of its folder becomes a file of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/files/output.h"
#include "foreign/foreign_format.h"

namespace kvcache::cli {

/// What convert is given beside files: all of it is for folders of other projects.
struct ImportOptions {
  std::string tokens;  ///< --tokens
  std::string model_name;
  std::int64_t block_size = 0;
  bool all = false;
  [[nodiscard]] bool any() const { return !tokens.empty() || !model_name.empty() || block_size > 0 || all; }
};

/// What another project has there: the path itself, or what is below a folder. Empty for an ordinary file.
[[nodiscard]] std::vector<foreign::Place> places_at(const std::string& path);

/// The prompt of --tokens, or the only one that the places know, written to `output` in the format `target`. `edit` changes the
/// cache before, and appends to the words of the summary. Exit code 1 where nothing begins as the prompt does.
int import_prompt(Context& context, const std::vector<foreign::Place>& places, const std::string& path,
                  const ImportOptions& options, const Target& target, const OutputOptions& output,
                  const EncodeOptions& encoding, const std::string& model_folder,
                  const std::function<void(PromptCache&, std::vector<std::string>&)>& edit);

/// Every prompt that the places know, each into a file of the folder -o. Each stands or falls alone; the exit code is the
/// worst.
int import_all(Context& context, const std::vector<foreign::Place>& places, const std::string& path,
               const ImportOptions& options, const Target& target, const OutputOptions& output, const EncodeOptions& encoding,
               const std::string& model_folder, const std::function<void(PromptCache&, std::vector<std::string>&)>& edit);

}  // namespace kvcache::cli

// Several files for a command that edits one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/files/output.h"

namespace CLI {
class App;
}

namespace kvcache::cli {

/// The FILE argument of a command that edits one file, or each of several, with -r, --exclude and -j. `what`: "The cache to
/// trim".
void add_files(CLI::App& app, std::vector<std::string>& files, OutputOptions& output, const std::string& what);

/// Runs `edit` for each file, with the output options for it. One file: as they are, or inside the folder -o DIR/.
/// Several: with --in-place, or -o a folder, which is made if its name ends in a slash. Each stands or falls alone: its error
/// is reported, and the others are edited all the same. With -r a folder stands for the caches below it; what else lies there
/// is counted. Returns the highest exit code; with --json there is one document of all
/// summaries. Throws Error(usage), before anything is written, where two files would be one output or one input is named twice.
int for_each_file(Context& context, const std::vector<std::string>& files, const OutputOptions& options,
                  const std::function<int(const std::string& file, const OutputOptions& output)>& edit);

}  // namespace kvcache::cli

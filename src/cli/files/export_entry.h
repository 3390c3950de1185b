// kvcache convert of a file into a server's folder.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/files/output.h"
#include "foreign/export.h"

namespace kvcache::cli {

/// Writes `file` as an entry of the folder -o. Its ids are those of its stamp, or what else is known of it, or of the file
/// `tokens`.
int export_entry(Context& context, const foreign::ExportTarget& target, const std::string& file, const std::string& tokens,
                 foreign::ExportRequest request, const OutputOptions& output);

}  // namespace kvcache::cli

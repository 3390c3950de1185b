// kvcache extract --all: a folder of caches.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/files/output.h"

namespace kvcache::cli {

/// Writes every sequence of `file` to output.path/NAME-INDEX.safetensors, all of them or none. Returns the exit code.
int extract_all(Context& context, const std::string& file, const OutputOptions& output);

}  // namespace kvcache::cli

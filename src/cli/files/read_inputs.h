// The inputs of commands that put several caches into one file.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "kvcache/format.h"

namespace kvcache::cli {

/// Whether a path is that of something that comes once: standard input, a FIFO, a pipe.
[[nodiscard]] bool comes_once(const std::string& path);

/// Throws Error(usage) when standard input, or a pipe, is named twice.
void check_inputs(const std::vector<std::string>& files);

/// Reads every file, as read_sound_document() does; errors are about the file at work. Throws Error(usage) when standard input
/// is named twice.
[[nodiscard]] std::vector<Document> read_inputs(Context& context, const std::vector<std::string>& files);

/// A warning for each file whose user metadata are not those of the first one, which are all that a batch keeps.
void warn_of_lost_metadata(const Context& context, const std::vector<Document>& documents);

/// The newest era that could have written all of them, so that batching does not change the format; where there is none, that
/// of the first. Throws Error(impossible) when it cannot be written.
[[nodiscard]] Era era_of_all(std::vector<Document>& documents);

}  // namespace kvcache::cli

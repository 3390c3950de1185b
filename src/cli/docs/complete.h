// kvcache complete: what a shell offers when TAB is pressed.
//
// The scripts in completions/ ask the tool itself, so that they never know less than it does: new commands, and what is in the
// file on the line.
#pragma once

#include <string>
#include <vector>

#include "cli/cli11.h"

namespace kvcache::cli {

/// Answers `kvcache complete SHELL WORD...`: `words` are those after the command's own name, the last one being completed and
/// perhaps empty. bash passes them as they were typed, with quotes; the others without.
///
/// The first line says of what kind the word is: "values" (those that follow), "files", "folders" or "nothing"; each further
/// line is a candidate for the whole word, a tab, and a description.
[[nodiscard]] std::string complete(const CLI::App& app, const std::string& shell, std::vector<std::string> words);

/// A word without its quotes and backslashes. Expands nothing.
[[nodiscard]] std::string unquoted(const std::string& word);

}  // namespace kvcache::cli

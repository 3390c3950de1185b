// Defaults of options: a configuration file, and variables of the environment.
#pragma once

#include <string>

#include "cli/cli11.h"

namespace kvcache::cli {

/// Lets options that are not on the command line have the values that the user has set for always. First come variables:
/// KVCACHE_COLOR for --color, KVCACHE_LS_SORT for the --sort of `ls`, KVCACHE_LS_DIR for its folder; then config.toml in
/// $XDG_CONFIG_HOME/kvcache or ~/.config/kvcache, or the file that KVCACHE_CONFIG names (none when it is empty), with a section
/// for each command. What deletes or replaces files is never a default: --yes, --force, --in-place and -o.
/// To be called when the options of the command at hand are declared. Throws Error(usage) for a file that cannot be read or
/// says what is no option.
void add_defaults(CLI::App& app);

}  // namespace kvcache::cli

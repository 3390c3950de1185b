// All commands.
#pragma once

#include <span>
#include <string_view>

#include "cli/command.h"

namespace kvcache::cli {

extern const Command align_command;
extern const Command append_command;
extern const Command completion_command;
extern const Command convert_command;
extern const Command create_command;
extern const Command dequantize_command;
extern const Command diff_command;
extern const Command estimate_command;
extern const Command explain_command;
extern const Command extend_command;
extern const Command extract_command;
extern const Command filter_command;
extern const Command formats_command;
extern const Command generate_command;
extern const Command help_command;
extern const Command inspect_command;
extern const Command ls_command;
extern const Command mask_command;
extern const Command merge_command;
extern const Command metadata_command;
extern const Command models_command;
extern const Command prune_command;
extern const Command quantize_command;
extern const Command repair_command;
extern const Command report_command;
extern const Command stamp_command;
extern const Command store_command;
extern const Command trim_command;
extern const Command unrotate_command;
extern const Command verify_command;
extern const Command version_command;

/// In the order of --help: by group, and within a group what is needed first comes first.
[[nodiscard]] std::span<const Command* const> commands() noexcept;
/// Empty for hidden ones.
[[nodiscard]] std::string_view title(Group group) noexcept;

}  // namespace kvcache::cli

// The table of commands.
#include "cli/commands.h"

namespace kvcache::cli {
namespace {

const Command* const command_table[] = {
    // Looking
    &inspect_command,
    &ls_command,
    &diff_command,
    &mask_command,
    &estimate_command,
    &models_command,
    // Checking
    &verify_command,
    &explain_command,
    &formats_command,
    // Editing
    &trim_command,
    &repair_command,
    &append_command,
    &quantize_command,
    &dequantize_command,
    &convert_command,
    &unrotate_command,
    &metadata_command,
    &stamp_command,
    // Batching
    &merge_command,
    &extract_command,
    &filter_command,
    &extend_command,
    &align_command,
    // Making and managing
    &create_command,
    &report_command,
    &prune_command,
    &store_command,
    &completion_command,
    &help_command,
    &version_command,
    // Hidden
    &generate_command,
};

}  // namespace

std::span<const Command* const> commands() noexcept {
  return command_table;
}

std::string_view title(Group group) noexcept {
  switch (group) {
    case Group::looking:
      return "Looking";
    case Group::checking:
      return "Checking";
    case Group::editing:
      return "Editing";
    case Group::batching:
      return "Batching";
    case Group::making:
      return "Making and managing";
    case Group::hidden:
      break;
  }
  return {};
}

}  // namespace kvcache::cli

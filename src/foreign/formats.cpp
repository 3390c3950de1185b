// The table of formats.
#include <algorithm>
#include <array>

#include "foreign/format_rows.h"

namespace kvcache::foreign {

std::span<const Format* const> formats() noexcept {
  // Folders with an index first, as that says most; then those that are known by the names in them.
  static constexpr std::array table = {
      &vllm_mlx_format,     &rapid_mlx_format,  &mlx_prompt_cache_format, &prefix_folders_format, &mlx_lm_1218_format,
      &vllm_mlx_ssd_format, &vmlx_swift_format, &vmlx_prompts_format,     &vmlx_blocks_format,    &omlx_format,
      &apc_format,          &dflash_format,     &slotstream_format,       &mlx_lm_1405_format,    &omlx_archive_format,
      &llama_cpp_format,
  };
  return table;
}

const Format* find_format(std::string_view id) noexcept {
  for (const Format* format : formats())
    if (format->id == id) return format;
  return nullptr;
}

}  // namespace kvcache::foreign

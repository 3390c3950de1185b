#include "foreign/export.h"

#include <array>

namespace kvcache::foreign {

std::span<const ExportTarget> export_targets() noexcept {
  static constexpr std::array table = {
      ExportTarget{"vllm-mlx", "entry of vllm-mlx' prefix cache", export_vllm_mlx},
      ExportTarget{"rapid-mlx", "entry of Rapid-MLX' prefix cache", export_rapid_mlx},
      ExportTarget{"omlx", "blocks of omlx' paged cache", export_omlx},
      ExportTarget{"omlxzip", "exported prompt of omlx", export_omlxzip},
      ExportTarget{"mlx-vlm-apc", "whole cache of mlx-vlm's automatic prefix cache", export_apc},
  };
  return table;
}

const ExportTarget* find_export_target(std::string_view id) noexcept {
  for (const ExportTarget& target : export_targets())
    if (target.id == id) return &target;
  return nullptr;
}

}  // namespace kvcache::foreign

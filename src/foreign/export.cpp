#include "foreign/export.h"

#include <fmt/format.h>

#include <array>

#include "foreign/known_ids.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {

std::span<const ExportTarget> export_targets() noexcept {
  static constexpr std::array table = {
      ExportTarget{"vllm-mlx", "entry of vllm-mlx' prefix cache", export_vllm_mlx},
      ExportTarget{"rapid-mlx", "entry of Rapid-MLX' prefix cache", export_rapid_mlx},
      ExportTarget{"omlx", "blocks of omlx' paged cache", export_omlx},
      ExportTarget{"omlxzip", "exported prompt of omlx", export_omlxzip},
      ExportTarget{"mlx-vlm-apc", "whole cache of mlx-vlm's automatic prefix cache", export_apc, apc_images_key},
  };
  return table;
}

const ExportTarget* find_export_target(std::string_view id) noexcept {
  for (const ExportTarget& target : export_targets())
    if (target.id == id) return &target;
  return nullptr;
}

Exported export_to(const ExportTarget& target, const ExportRequest& request) {
  const std::string more = beside_ids(request.cache->metadata);
  const std::string key = more.substr(0, more.find('='));
  if (!more.empty() && key != target.images_key)
    throw Error(
        ErrorKind::impossible,
        fmt::format("its prompt holds more than text ({}), and an {} is found by token ids alone: it would be used for other "
                    "images",
                    printable(more, 100), target.title),
        Remedy(Remedy::Action::unset_metadata, {{key, ""}}) + ", if the ids do tell it");
  return target.write(request);
}

}  // namespace kvcache::foreign

// The eras of mlxrs (Rust): mlx-lm's metadata with mlx-swift-lm's flat arrays.
#include <array>

#include "format/dialects/era.h"

namespace kvcache::detail {
namespace {

constexpr std::array mlxrs_era_table = {
    // 0.1.0
    EraTraits{.dialect = {Era::R1, "mlxrs@0.1", "R1", Family::mlxrs, true, true, {}},
              .layout = LayoutName::sections,
              .current = true,
              .no_meta = NoMeta::scalar,
              .rotating_fields = 4,
              .nested_quantized = false,
              .quantized_fields = 3,
              .slots = SlotLayout::listed,
              .slot_fields = 3,
              .list = ListLayout::framed,
              .framed_kv_placeholder = false,
              .mislabels = false,
              .mamba_class = true,
              .arrays_class = true,
              .batch_class = true,
              .batch_rotating_class = true,
              .turbo_class = false,
              .writes_turbo = false,
              .variance_normalized_class = false,
              .model_state = false,
              .empty_layers = true,
              .chunk_none = true,
              .true_text = "true",
              .false_text = "false"},
};

}  // namespace

std::span<const EraTraits> mlxrs_eras() noexcept {
  return mlxrs_era_table;
}

}  // namespace kvcache::detail

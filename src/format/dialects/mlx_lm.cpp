// The eras of mlx-lm (Python).
#include <array>

#include "format/dialects/era.h"

namespace kvcache::detail {
namespace {

constexpr EraTraits python(Dialect dialect) {
  return {.dialect = dialect,
          .layout = LayoutName::sections,
          .current = false,
          .no_meta = NoMeta::scalar,
          .rotating_fields = 4,
          .nested_quantized = true,
          .quantized_fields = 3,
          .slots = SlotLayout::flat,
          .slot_fields = 0,
          .list = ListLayout::nested,
          .framed_kv_placeholder = false,
          .mislabels = false,
          .mamba_class = false,
          .arrays_class = true,
          .batch_class = true,
          .batch_rotating_class = true,
          .turbo_class = false,
          .writes_turbo = false,
          .variance_normalized_class = false,
          .model_state = false,
          .empty_layers = false,
          .chunk_none = false,
          .true_text = "True",
          .false_text = "False"};
}

constexpr auto mlx_lm_era_table = [] {
  // 2024-08: keys and values by name, before there were classes.
  EraTraits l0 = python({Era::L0, "mlx-lm@0.18", "L0", Family::mlx_lm, false, true, {}});
  l0.layout = LayoutName::named_tensors;

  // 0.19.1 - 0.28.0: the buffer step is part of the metadata; lists of caches forget their children.
  EraTraits p1 = python({Era::P1, "mlx-lm@0.19", "P1", Family::mlx_lm, true, true, {}});
  p1.rotating_fields = 5;
  p1.quantized_fields = 4;
  p1.list = ListLayout::flat;
  p1.mamba_class = true;
  p1.arrays_class = false;  // written, but its constructor needs a size that no loader passes
  p1.batch_class = false;   // 0.28.0 writes it and cannot load it
  p1.batch_rotating_class = false;

  // 0.28.1 - 0.30.7: no step; MambaCache until 0.30.5.
  EraTraits p2 = python({Era::P2, "mlx-lm@0.28", "P2", Family::mlx_lm, true, true, {}});
  p2.list = ListLayout::flat;
  p2.mamba_class = true;

  // 0.31: lists of caches keep their children.
  EraTraits p3 = python({Era::P3, "mlx-lm@0.31", "P3", Family::mlx_lm, true, true, {}});

  // 2026-08-22, in no release: slots one level deeper, beside left_padding and lengths.
  EraTraits p4 = python({Era::P4, "mlx-lm@2026-08", "P4", Family::mlx_lm, true, false, {}});
  p4.slots = SlotLayout::nested;

  // 2026-09-09, released as 0.32.0: a layout of its own.
  EraTraits p5 = p4;
  p5.dialect = {Era::P5, "mlx-lm@0.32", "P5", Family::mlx_lm, true, true, "mlx-lm@2026-09"};
  p5.layout = LayoutName::leaf_table;
  p5.current = true;

  return std::array{l0, p1, p2, p3, p4, p5};
}();

}  // namespace

std::span<const EraTraits> mlx_lm_eras() noexcept {
  return mlx_lm_era_table;
}

}  // namespace kvcache::detail

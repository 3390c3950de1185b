// The eras of mlx-swift-lm.
#include <array>

#include "format/dialects/era.h"

namespace kvcache::detail {
namespace {

constexpr EraTraits swift(Dialect dialect) {
  return {.dialect = dialect,
          .layout = LayoutName::sections,
          .current = false,
          .no_meta = NoMeta::list,
          .rotating_fields = 5,
          .nested_quantized = false,
          .quantized_fields = 4,
          .slots = SlotLayout::listed,
          .slot_fields = 4,
          .list = ListLayout::framed,
          .framed_kv_placeholder = true,
          .mislabels = false,
          .mamba_class = true,
          .arrays_class = true,
          .batch_class = false,
          .batch_rotating_class = false,
          .turbo_class = false,
          .writes_turbo = false,
          .variance_normalized_class = false,
          .model_state = false,
          .empty_layers = false,
          .chunk_none = true,
          .true_text = "true",
          .false_text = "false"};
}

constexpr auto mlx_swift_lm_era_table = [] {
  // 2.25.5 - 2.30: nothing stands for empty metadata; the class test falls through to KVCache for two classes.
  EraTraits s1 = swift({Era::S1, "mlx-swift-lm@2.25", "S1", Family::mlx_swift_lm, false, true, {}});
  s1.no_meta = NoMeta::absent;
  s1.slots = SlotLayout::compact;
  s1.list = ListLayout::flat;
  s1.mislabels = true;

  // 2.31.3: empty metadata is a list with an empty string.
  EraTraits s2 = swift({Era::S2, "mlx-swift-lm@2.31", "S2", Family::mlx_swift_lm, false, true, {}});
  s2.slots = SlotLayout::compact;
  s2.list = ListLayout::flat;

  // 3.31.3: slots know their places, lists of caches their children.
  EraTraits s3 = swift({Era::S3, "mlx-swift-lm@3.31", "S3", Family::mlx_swift_lm, true, true, {}});
  s3.current = true;       // what 3.33 loads as well, and its own windows nothing else does
  s3.writes_turbo = true;  // main from 2026-07-20 on; no release does

  // 2026-08, in no release: strict loader, windows know where their size came from, TurboQuant, model state.
  EraTraits s4 = swift({Era::S4, "mlx-swift-lm@2026-08", "S4", Family::mlx_swift_lm, true, false, {}});
  s4.rotating_fields = 6;
  s4.turbo_class = true;
  s4.writes_turbo = true;
  s4.model_state = true;
  s4.empty_layers = true;

  // 3.33: windows say whether they have wrapped; variance-normalized tiles.
  EraTraits s5 = s4;
  s5.variance_normalized_class = true;
  s5.dialect = {Era::S5, "mlx-swift-lm@3.33", "S5", Family::mlx_swift_lm, true, true, {}};
  s5.rotating_fields = 7;

  return std::array{s1, s2, s3, s4, s5};
}();

}  // namespace

std::span<const EraTraits> mlx_swift_lm_eras() noexcept {
  return mlx_swift_lm_era_table;
}

}  // namespace kvcache::detail

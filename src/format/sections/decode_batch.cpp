// BatchKVCache and BatchRotatingKVCache.
#include "format/sections/decoder_layer.h"

namespace kvcache::detail {

void Decoder::decode_batch(Layer& l) {
  if (!l.expect_no_meta()) return;
  l.only(eras_of(Family::mlx_lm) | eras_of(Family::mlxrs), "class BatchKVCache");
  l.done_with_batch<BatchKVCache>({});
}

void Decoder::decode_batch_rotating(Layer& l) {
  if (!l.expect_fields({4})) return;
  BatchRotatingKVCache::State state;
  bool good = l.integer(0, "max_size", state.max_size);
  good = l.integer(1, "offset", state.total) && good;
  good = l.integer(2, "idx", state.idx) && good;
  const std::string& text = l.meta.values[3];
  const EraSet writers =
      eras_where([&](const EraTraits& t) { return t.batch_rotating_class && (text == t.true_text || text == t.false_text); });
  if (writers.none())
    good = l.fail("KV305", fmt::format("rotated is '{}' instead of True or False", printable(text)),
                  fmt::format("{}.3", l.in.key));
  if (!good) return;
  l.only(writers, fmt::format("rotated is written {}", text));
  state.rotated = text == "True" || text == "true";
  l.done_with_batch<BatchRotatingKVCache>(std::move(state));
}

}  // namespace kvcache::detail

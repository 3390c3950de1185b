// BatchKVCache and BatchRotatingKVCache.
#include "format/decoder_layer.h"

namespace kvcache::detail {

void Decoder::decode_batch(Layer& l) {
  if (!l.expect_no_meta()) return;
  l.only(python_eras | EraSet{Era::R1}, "class BatchKVCache");
  BatchKVCache::State state;
  std::vector<std::size_t> arrays;
  if (l.unused_layer()) return l.done(std::make_unique<BatchKVCache>(std::move(state)));
  if (!l.expect_arrays(4, arrays) || !l.check_keys_and_values(arrays[0], arrays[1])) return;
  const std::int64_t batch = entry(arrays[0]).shape[0];
  if (!l.read_int32s(arrays[2], batch, "offsets", state.offset)) return;
  if (!l.read_int32s(arrays[3], batch, "left paddings", state.left_padding)) return;
  state.keys = tensor(arrays[0]);
  state.values = tensor(arrays[1]);
  l.out.arrays = std::move(arrays);
  l.done(std::make_unique<BatchKVCache>(std::move(state)));
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
  std::vector<std::size_t> arrays;
  if (l.unused_layer()) return l.done(std::make_unique<BatchRotatingKVCache>(std::move(state)));
  if (!l.expect_arrays(4, arrays) || !l.check_keys_and_values(arrays[0], arrays[1])) return;
  const std::int64_t batch = entry(arrays[0]).shape[0];
  if (!l.read_int32s(arrays[2], batch, "offsets", state.offset)) return;
  if (!l.read_int32s(arrays[3], batch, "left paddings", state.left_padding)) return;
  state.keys = tensor(arrays[0]);
  state.values = tensor(arrays[1]);
  l.out.arrays = std::move(arrays);
  l.done(std::make_unique<BatchRotatingKVCache>(std::move(state)));
}

}  // namespace kvcache::detail

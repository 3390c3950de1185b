// KVCache, RotatingKVCache, ChunkedKVCache: a pair of keys and values, with nothing, four to eight, or two values beside it.
#include <algorithm>

#include "format/sections/decoder_layer.h"

namespace kvcache::detail {
namespace {

bool is_keys_and_values(const Decoder& decoder, const std::vector<std::size_t>& arrays) {
  return arrays.size() == 2 && decoder.entry(arrays[0]).shape.size() == 4 && decoder.entry(arrays[1]).shape.size() == 4;
}

}  // namespace

void Decoder::decode_kv(Layer& l) {
  // Early Swift tests for its plain class first: chunked and recurrent layers are labelled KVCache there. The number of
  // metadata values and the shapes give them away.
  const bool early_swift_label = l.in.class_text == "KVCache" && l.in.depth == 0;
  static const EraSet mislabelling = eras_where([](const EraTraits& t) { return t.mislabels; });
  if (early_swift_label && l.meta.form == Meta::Form::list && l.meta.values.size() == 2) {
    l.report("KV712", "class KVCache with the two metadata values of a ChunkedKVCache, as mlx-swift-lm before 2.31 writes it",
             {}, Remedy(Remedy::Action::convert, {{"to", "mlx-swift-lm"}}) + " writes the class it is");
    l.only(mislabelling, "class KVCache with the metadata of a ChunkedKVCache");
    decode_chunked(l);
    return;
  }
  const auto list = early_swift_label && l.meta.form == Meta::Form::absent ? l.flat_arrays() : std::nullopt;
  if (list && !list->empty() && !is_keys_and_values(*this, *list)) {
    l.report("KV712", "class KVCache with the arrays of an ArraysCache, as mlx-swift-lm before 2.31 writes it", {},
             Remedy(Remedy::Action::convert, {{"to", "mlx-swift-lm"}}) + " writes the class it is");
    l.only(mislabelling, "class KVCache with the arrays of an ArraysCache");
    decode_arrays(l);
    return;
  }

  if (!l.expect_no_meta()) return;
  if (l.in.class_text == "ConcatenateKVCache") l.only(eras_of(Family::mlx_lm), "class ConcatenateKVCache");
  if (l.in.class_text == "StandardKvCache") l.only(eras_of(Family::mlxrs), "class StandardKvCache");
  if (l.in.class_text == "KVCacheSimple")
    l.only(eras_laid_out_as(LayoutName::sections) - eras_of(Family::mlx_lm), "class KVCacheSimple");
  KVCache::State state;
  state.alias = l.in.class_text;
  l.done_with_pair<KVCache>(std::move(state));
}

void Decoder::decode_rotating(Layer& l) {
  if (!l.expect_fields({4, 5, 6, 7, 8})) return;
  const std::size_t fields = l.meta.values.size();
  // An open change of mlx-swift-lm appends an eighth to its seven.
  l.only(eras_where([&](const EraTraits& t) { return t.rotating_fields == std::min<std::size_t>(fields, 7); }),
         fmt::format("{} metadata fields", fields));
  const bool has_step = fields >= 5;
  RotatingKVCache::State state;
  std::int64_t step = 0;
  bool good = l.integer(0, "keep", state.keep);
  good = l.integer(1, "max_size", state.max_size) && good;
  if (has_step) good = l.integer(2, "step", step) && good;
  good = l.integer(has_step ? 3 : 2, "offset", state.offset) && good;
  good = l.integer(has_step ? 4 : 3, "idx", state.idx) && good;
  if (fields >= 6) {
    state.origin = l.meta.values[5];
    if (*state.origin != "modelNative" && *state.origin != "requested")
      good = l.fail("KV305", fmt::format("origin is '{}' instead of modelNative or requested", printable(*state.origin)),
                    fmt::format("{}.5", l.in.key));
  }
  if (fields >= 7) {
    const std::string& text = l.meta.values[6];
    state.wrapped = text == "true";
    if (!*state.wrapped && text != "false") {
      // A flag in the words of another runtime, or no flag at all: then it is one value too many.
      const bool flag = text.empty() || text == "True" || text == "False" || text == "1" || text == "0";
      good = l.fail(flag ? "KV305" : "KV304",
                    fmt::format("the seventh of {} values is '{}' instead of true or false", fields, printable(text)),
                    fmt::format("{}.6", l.in.key));
    }
  }
  if (fields == 8) {
    std::int64_t reserve = 0;
    good = l.integer(7, "reserve", reserve) && good;
    state.reserve = reserve;
  }
  if (!good) return;
  if (state.reserve)
    l.report("KV718",
             fmt::format("an eighth field, a reserve of {} rows beyond the window, which is of a change that no release of "
                         "mlx-swift-lm has: it is read here, and never written",
                         *state.reserve),
             fmt::format("{}.7", l.in.key),
             Remedy(Remedy::Action::convert, {{"to", std::string(dialect(Era::S5).id)}}) + " writes the window without it");
  l.done_with_pair<RotatingKVCache>(std::move(state));
}

void Decoder::decode_chunked(Layer& l) {
  if (!l.expect_fields({2})) return;
  if (l.in.class_text == "ChunkedKVCache")
    l.only(eras_where([](const EraTraits& t) { return !t.mislabels; }), "chunked metadata under its own class");
  ChunkedKVCache::State state;
  bool good = true;
  if (l.meta.values[0] == "None") {
    l.only(eras_where([](const EraTraits& t) { return t.chunk_none; }), "chunk size None");
  } else {
    std::int64_t chunk_size = 0;
    good = l.integer(0, "chunk_size", chunk_size);
    state.chunk_size = chunk_size;
  }
  good = l.integer(1, "start_position", state.start_position) && good;
  if (!good) return;
  l.done_with_pair<ChunkedKVCache>(std::move(state));
}

}  // namespace kvcache::detail

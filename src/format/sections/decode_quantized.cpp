// QuantizedKVCache, TurboQuantKVCache and VarianceNormalizedKVCache.
#include <array>

#include "cache/invariants/keys_and_values.h"
#include "format/sections/decoder_layer.h"

namespace kvcache::detail {
namespace {

/// Indices of the six arrays: keys' weights, scales, biases, then the values'. Without biases: four arrays.
struct QuantizedArrays {
  std::vector<std::size_t> keys, values;
  bool nested = false;
};

std::optional<QuantizedArrays> sort_arrays(const ArrayTree& tree, const std::optional<std::vector<std::size_t>>& flat) {
  QuantizedArrays out;
  if (flat) {
    const std::size_t n = flat->size();
    if (n != 6 && n != 4) return std::nullopt;
    const auto middle = flat->begin() + static_cast<std::ptrdiff_t>(n / 2);
    out.keys.assign(flat->begin(), middle);
    out.values.assign(middle, flat->end());
    return out;
  }
  out.nested = true;
  if (tree.children.size() != 2) return std::nullopt;
  for (auto* group : {&out.keys, &out.values}) {
    const ArrayTree& half = tree.children.at(group == &out.keys ? 0 : 1);
    for (const auto& [index, leaf] : half.children) {
      if (!leaf.value) return std::nullopt;
      group->push_back(*leaf.value);
    }
    if (group->size() != 3 && group->size() != 2) return std::nullopt;
  }
  if (out.keys.size() != out.values.size()) return std::nullopt;
  return out;
}

}  // namespace

bool Decoder::Layer::take_quantized(const std::vector<std::size_t>& keys, const std::vector<std::size_t>& values,
                                    QuantizedKVCache::State& state) {
  const bool biases = keys.size() == 3;
  const bool packed_scales = decoder.entry(keys[1]).dtype == Dtype::U8;
  using Names = std::array<std::string_view, 3>;
  const auto check = [&](const std::vector<std::size_t>& triple, const Names& names) {
    for (std::size_t i = 0; i < triple.size(); ++i) {
      if (!expect_rank(triple[i], 4, names[i])) return false;
      const bool sound = i == 0                    ? expect_dtype(triple[i], Dtype::U32, names[i])
                         : packed_scales && i == 1 ? expect_dtype(triple[i], Dtype::U8, names[i])
                                                   : expect_float(triple[i], names[i]);
      if (!sound) return false;
    }
    return true;
  };
  if (!check(keys, {"key weights", "key scales", "key biases"}) ||
      !check(values, {"value weights", "value scales", "value biases"}))
    return false;
  const TensorEntry& k = decoder.entry(keys[0]);
  for (const auto* const triple : {&keys, &values}) {
    for (const std::size_t array : *triple) {
      const TensorEntry& e = decoder.entry(array);
      if (const auto problem = rows_disagree(k.shape, e.shape)) return fail("KV309", problem->message, e.key);
    }
  }
  if (const TensorEntry& v = decoder.entry(values[0]); v.shape[1] != k.shape[1])
    report("KV310", fmt::format("keys have {} heads, values {}", k.shape[1], v.shape[1]), v.key);
  if (const TensorEntry& ks = decoder.entry(keys[1]), &vs = decoder.entry(values[1]); ks.dtype != vs.dtype)
    report("KV311", fmt::format("key scales are {}, value scales {}", name(ks.dtype), name(vs.dtype)), vs.key);

  const auto load = [&](const std::vector<std::size_t>& triple) {
    out.arrays.insert(out.arrays.end(), triple.begin(), triple.end());
    return Quantized{decoder.tensor(triple[0]), decoder.tensor(triple[1]), biases ? decoder.tensor(triple[2]) : Tensor()};
  };
  state.keys = load(keys);
  state.values = load(values);
  return true;
}

void Decoder::decode_quantized(Layer& l) {
  if (!l.expect_fields({3, 4})) return;
  const std::size_t fields = l.meta.values.size();
  l.only(eras_where([&](const EraTraits& t) { return t.quantized_fields == fields; }),
         fields == 3 ? "3 metadata fields" : "4 metadata fields");
  const std::size_t first = fields - 3;
  QuantizedKVCache::State state;
  std::int64_t step = 0;
  bool good = first == 0 || l.integer(0, "step", step);
  good = l.integer(first, "offset", state.offset) && good;
  good = l.integer(first + 1, "group_size", state.group_size) && good;
  good = l.integer(first + 2, "bits", state.bits) && good;
  if (!good) return;
  if (l.unused_layer()) return l.done(std::make_unique<QuantizedKVCache>(std::move(state)));

  const auto arrays = sort_arrays(*l.in.arrays, l.flat_arrays());
  if (!arrays) {
    l.fail("KV303", fmt::format("{} instead of weights, scales and biases of keys and of values", l.describe_arrays()));
    return;
  }
  l.only(eras_where([&](const EraTraits& t) { return t.nested_quantized == arrays->nested; }),
         arrays->nested ? "quantized arrays are nested" : "quantized arrays are in one row");
  if (l.take_quantized(arrays->keys, arrays->values, state)) l.done(std::make_unique<QuantizedKVCache>(std::move(state)));
}

void Decoder::decode_turbo(Layer& l) {
  // mlx-vlm has a class of the same name: norms and codes of keys and of values as two groups, other numbers beside them.
  if (l.has_arrays() && !l.flat_arrays()) {
    l.not_ours("KV301", "TurboQuantKVCache in the layout of mlx-vlm, which is not that of mlx-swift-lm", "mlx-vlm");
    return;
  }
  if (!l.expect_fields({5})) return;
  l.only(eras_where([](const EraTraits& t) { return t.writes_turbo; }), "class TurboQuantKVCache");
  TurboQuantKVCache::State state;
  bool good = l.integer(0, "offset", state.offset);
  good = l.integer(1, "bits", state.bits) && good;
  good = l.integer(2, "key_bits", state.key_bits) && good;
  good = l.integer(3, "value_bits", state.value_bits) && good;
  switch (parse_uint64(l.meta.values[4], state.seed)) {
    case IntegerError::none:
      break;
    case IntegerError::syntax:
      good = l.fail("KV305", fmt::format("seed is '{}', which is not a plain unsigned integer", printable(l.meta.values[4])));
      break;
    case IntegerError::range:
      good = l.fail("KV306", fmt::format("seed is {}, beyond 64 bits", printable(l.meta.values[4])));
      break;
  }
  if (!good) return;
  if (l.unused_layer()) return l.done(std::make_unique<TurboQuantKVCache>(std::move(state)));
  const auto list = l.flat_arrays();
  if (list)
    for (const std::size_t array : *list) state.arrays.push_back(tensor(array));
  const auto form = TurboQuantKVCache::form_of(state.arrays, state.key_bits);
  if (!list || !form) {
    l.fail("KV303", fmt::format("{} (key bits {}) fit no form of a TurboQuantKVCache", l.describe_arrays(), state.key_bits));
    return;
  }
  for (const Tensor& array : state.arrays) {
    const bool calibration = &array == &state.arrays.back() && array.rank() == 1;
    if (!calibration && (array.rank() < 3 || array.rank() > 4)) {
      l.fail("KV307", fmt::format("an array has shape {} instead of 3 or 4 dimensions", to_string(array.shape())));
      return;
    }
    if (calibration) continue;
    if (const auto problem = rows_disagree(state.arrays[0].shape(), array.shape())) {
      l.fail("KV309", problem->message);
      return;
    }
  }
  state.form = *form;
  l.out.arrays = *list;
  l.done(std::make_unique<TurboQuantKVCache>(std::move(state)));
}

void Decoder::decode_variance_normalized(Layer& l) {
  if (!l.expect_fields({7, 10})) return;
  l.only(eras_where([](const EraTraits& t) { return t.variance_normalized_class; }), "class VarianceNormalizedKVCache");
  VarianceNormalizedKVCache::State state;
  bool good = l.integer(0, "tile size", state.tile_size);
  good = l.integer(1, "offset", state.offset) && good;
  good = l.integer(2, "key bits", state.key_bits) && good;
  good = l.integer(3, "value bits", state.value_bits) && good;
  good = l.integer(4, "iterations", state.sinkhorn_iterations) && good;
  good = l.integer(5, "number of tiles", state.tile_count) && good;
  good = l.integer(6, "tail length", state.tail_length) && good;
  if (l.meta.values.size() == 10) {
    if (l.meta.values[7] != "1")
      good = l.fail("KV305", fmt::format("version of the tiles is '{}' instead of 1", printable(l.meta.values[7])),
                    fmt::format("{}.7", l.in.key));
    const auto dtype = [&](std::size_t field, std::string_view what, std::optional<std::string>& value) {
      value = l.meta.values[field];
      if (*value == "float16" || *value == "bfloat16" || *value == "float32" || *value == "none") return true;
      return l.fail("KV305",
                    fmt::format("dtype of {} is '{}' instead of float16, bfloat16, float32 or none", what, printable(*value)),
                    fmt::format("{}.{}", l.in.key, field));
    };
    good = dtype(8, "keys", state.key_dtype) && good;
    good = dtype(9, "values", state.value_dtype) && good;
  }
  if (!good) return;
  const auto list = l.flat_arrays();
  if (!list || !VarianceNormalizedKVCache::fits(list->size(), state.tile_count, state.tail_length)) {
    l.fail("KV303", fmt::format("{} for {} tiles of 8 or 10 and a tail of {} tokens", l.describe_arrays(), state.tile_count,
                                state.tail_length));
    return;
  }
  if (l.unused_layer()) return l.done(std::make_unique<VarianceNormalizedKVCache>(std::move(state)));
  const TensorEntry& first = entry(list->front());
  for (const std::size_t array : *list) {
    if (!l.expect_rank(array, 4, "arrays of tiles and tail")) return;
    if (entry(array).shape[0] != first.shape[0]) {
      l.fail("KV309", fmt::format("arrays {} and {} disagree in batch size", shape_of(first), shape_of(entry(array))),
             entry(array).key);
      return;
    }
    state.arrays.push_back(tensor(array));
  }
  if (state.tail_length > 0 && !l.check_keys_and_values((*list)[list->size() - 2], list->back())) return;
  l.out.arrays = *list;
  l.done(std::make_unique<VarianceNormalizedKVCache>(std::move(state)));
}

}  // namespace kvcache::detail

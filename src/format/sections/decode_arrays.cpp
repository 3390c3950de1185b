// ArraysCache and MambaCache: the four ways to store slots (format/era.h, SlotLayout).
#include "cache/class_names.h"
#include "format/sections/decoder_layer.h"

namespace kvcache::detail {
namespace {

EraSet with_layout(SlotLayout layout) {
  return eras_where([layout](const EraTraits& t) { return t.slots == layout; });
}

}  // namespace

void Decoder::decode_arrays(Layer& l) {
  const bool mamba = l.in.class_text == "MambaCache";
  ArraysCache::State state;
  state.mamba = mamba;
  if (mamba) {
    l.only(eras_where([](const EraTraits& t) { return t.mamba_class; }), "class MambaCache");
  } else if (l.in.class_text == "ArraysCache") {
    l.only(eras_where([](const EraTraits& t) { return !t.mislabels; }), "class ArraysCache");
  }
  const auto list = l.flat_arrays();

  const bool listed = l.meta.form == Meta::Form::list && !(l.meta.values.size() == 1 && l.meta.values[0].empty());
  if (listed) {
    if (!l.expect_fields({2, 3, 4})) return;
    const std::size_t fields = l.meta.values.size();
    l.only(with_layout(SlotLayout::listed) & eras_where([&](const EraTraits& t) { return t.slot_fields >= fields; }),
           fmt::format("{} metadata fields", fields));
    if (fields == 3 && l.meta.values[2].empty())
      l.only(eras_of(Family::mlx_swift_lm), "left paddings are an empty text, which mlxrs takes for an empty list of them");
    std::int64_t slots = 0;
    bool good = l.integer(0, "number of slots", slots);
    const auto integers = [&](std::size_t field, std::string_view name, std::vector<std::int64_t>& values) {
      if (field >= fields || parse_int32_list(l.meta.values[field], values) == IntegerError::none) return true;
      return l.fail("KV305", fmt::format("{} '{}' are not a list of integers", name, printable(l.meta.values[field])),
                    fmt::format("{}.{}", l.in.key, field));
    };
    std::vector<std::int64_t> present, left_padding, lengths;
    good = integers(1, "set slots", present) && good;
    good = integers(2, "left paddings", left_padding) && good;
    good = integers(3, "lengths", lengths) && good;
    if (!good) return;
    if (l.has_arrays() && !list) {
      l.fail("KV303", fmt::format("{} instead of one array per set slot", l.describe_arrays()));
      return;
    }
    bool increasing = true;
    for (std::size_t i = 0; i < present.size(); ++i)
      increasing = increasing && present[i] >= 0 && present[i] < slots && (i == 0 || present[i] > present[i - 1]);
    if (!increasing || list->size() != present.size()) {
      l.fail("KV442", fmt::format("slots '{}' of {} with {} arrays: they must increase, be below the number of slots and have "
                                  "one array each",
                                  printable(l.meta.values[1]), slots, list->size()));
      return;
    }
    // The number of slots sizes a vector: a file with three arrays must not ask for two billion.
    constexpr std::int64_t max_slots = 65536;
    if (slots < 0 || slots > max_slots) {
      l.fail("KV442", fmt::format("{} slots: this tool handles 0 to {}", slots, max_slots));
      return;
    }
    state.slots.resize(static_cast<std::size_t>(slots));
    for (std::size_t i = 0; i < present.size(); ++i) state.slots[static_cast<std::size_t>(present[i])] = tensor((*list)[i]);
    if (!left_padding.empty()) state.left_padding = Int32s(left_padding.begin(), left_padding.end());
    if (!lengths.empty()) state.lengths = Int32s(lengths.begin(), lengths.end());
    l.out.arrays = *list;
    l.out.unused = list->empty();
    return l.done(std::make_unique<ArraysCache>(std::move(state)));
  }

  if (l.in.framed) {
    l.expect_fields({2, 3, 4});
    return;
  }
  if (!l.expect_no_meta()) return;
  if (!l.has_arrays()) {
    // Without a list of slots nothing tells how many there are: the layer is missing its arrays.
    l.out.unused = true;
    l.only(EraSet{Era::S1, Era::S2}, "slots without arrays");
    if (mamba) state.slots.resize(mamba_slots);
    return l.done(std::make_unique<ArraysCache>(std::move(state)));
  }
  if (list) {
    l.only(with_layout(l.meta.form == Meta::Form::scalar ? SlotLayout::flat : SlotLayout::compact), "slots are in one row");
    for (const std::size_t array : *list) state.slots.push_back(slot(array));
    // Swift left unset slots out. Its models set the first one first, and its loader fills the slots in this order.
    if (mamba) state.slots.resize(std::max(state.slots.size(), mamba_slots));
    l.out.arrays = *list;
    return l.done(std::make_unique<ArraysCache>(std::move(state)));
  }

  // Nested: the list of slots, left_padding, lengths. F32 [0] stands for none.
  const auto& groups = l.in.arrays->children;
  if (groups.size() != 3 || groups.at(0).value || groups.at(1).is_list() || groups.at(2).is_list()) {
    l.fail("KV303", fmt::format("{} instead of a list of slots, left_padding and lengths", l.describe_arrays()));
    return;
  }
  l.only(with_layout(SlotLayout::nested), "slots are nested");
  for (const auto& [index, slot] : groups.at(0).children) {
    if (!slot.value) {
      l.fail("KV303", fmt::format("slot {} is a list instead of an array", index));
      return;
    }
    state.slots.push_back(this->slot(*slot.value));
    l.out.arrays.push_back(*slot.value);
  }
  const auto optional_integers = [&](const ArrayTree& leaf, std::string_view what, std::optional<Int32s>& out) {
    const std::size_t array = *leaf.value;
    const TensorEntry& e = entry(array);
    l.out.arrays.push_back(array);
    if (e.dtype == Dtype::F32 && e.shape == Shape{0}) return true;
    Int32s values;
    // Its own size counts: a disagreement with the slots is an invariant (KV441), not a defect of the array.
    if (e.shape.size() == 1 && !l.read_int32s(array, e.shape[0], what, values)) return false;
    if (e.shape.size() != 1 && !l.expect_rank(array, 1, what)) return false;
    out = std::move(values);
    return true;
  };
  if (!optional_integers(groups.at(1), "left paddings", state.left_padding)) return;
  if (!optional_integers(groups.at(2), "lengths", state.lengths)) return;
  l.done(std::make_unique<ArraysCache>(std::move(state)));
}

}  // namespace kvcache::detail

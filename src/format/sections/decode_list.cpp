// CacheList: children nested in the keys (mlx-lm 0.31 and later) or framed in the metadata (Swift, mlxrs).
#include "format/sections/decoder_layer.h"

namespace kvcache::detail {
namespace {}  // namespace

void Decoder::decode_list(Layer& l) {
  if (l.in.depth >= max_list_depth) {
    l.fail("KV207", fmt::format("cache lists are nested deeper than {}", max_list_depth));
    return;
  }
  if (l.meta.form == Meta::Form::tree) return decode_nested_list(l);
  const bool placeholder = l.meta.values.size() == 1 && l.meta.values[0].empty();
  if (l.meta.form == Meta::Form::list && !placeholder) return decode_framed_list(l);
  if (l.in.framed) {
    l.fail("KV471", "a cache list inside a list has no metadata of its own");
    return;
  }
  // The eras that forget children. No reader restores such a list, but the arrays are all there.
  if (!l.expect_no_meta()) return;
  l.only(eras_where([](const EraTraits& t) { return t.list == ListLayout::flat; }),
         "a CacheList without classes of its children");
  l.out.lost_children = true;
  l.fail("KV312",
         fmt::format("CacheList without the classes of its children ({}): no runtime can load it", l.describe_arrays()), {},
         Remedy(Remedy::Action::convert, {{"children", "KVCache,ArraysCache:2"}}) +
             ", with what the model's layers hold, rebuilds it");
}

void Decoder::decode_nested_list(Layer& l) {
  l.only(eras_where([](const EraTraits& t) { return t.list == ListLayout::nested; }), "children are nested in the keys");
  const auto& branches = l.in.meta->children;
  const MetaTree* classes = branches.contains(0) ? &branches.at(0) : nullptr;
  const MetaTree* metas = branches.contains(1) ? &branches.at(1) : nullptr;
  if (branches.size() != 2 || !classes->is_list() || !metas->is_list()) {
    l.fail("KV313", fmt::format("metadata of a CacheList has {} branches instead of classes and metadata of the children",
                                branches.size()));
    return;
  }
  const std::size_t arrays = l.in.arrays == nullptr ? 0 : l.in.arrays->children.size();
  if (classes->children.size() != metas->children.size() || classes->children.size() != arrays) {
    l.fail("KV313", fmt::format("{} classes, {} metadata entries and {} groups of arrays for the children of a CacheList",
                                classes->children.size(), metas->children.size(), arrays));
    return;
  }
  std::vector<std::unique_ptr<Cache>> children;
  bool good = true;
  for (std::size_t i = 0; i < arrays; ++i) {
    const MetaTree& class_node = classes->children.at(i);
    if (!class_node.value) {
      good = l.fail("KV313", fmt::format("the class of child {} is a list", i));
      continue;
    }
    LayerInput child;
    child.where = l.in.where.child(i);
    child.key = fmt::format("{}.1.{}", l.in.key, i);
    child.class_text = *class_node.value;
    child.arrays = &l.in.arrays->children.at(i);
    child.meta = &metas->children.at(i);
    child.depth = l.in.depth + 1;
    if (child.arrays->value) {
      good =
          l.fail("KV303", fmt::format("child {} is an array instead of a group of arrays", i), entry(*child.arrays->value).key);
      continue;
    }
    LayerOutput out = decode(child);
    l.out.eras &= out.eras;
    l.out.evidence.insert(l.out.evidence.end(), out.evidence.begin(), out.evidence.end());
    l.out.arrays.insert(l.out.arrays.end(), out.arrays.begin(), out.arrays.end());
    good = good && out.decoded;
    children.push_back(std::move(out.cache));
  }
  if (good) l.done(std::make_unique<CacheList>(std::move(children)));
}

void Decoder::decode_framed_list(Layer& l) {
  l.only(eras_where([](const EraTraits& t) { return t.list == ListLayout::framed; }), "children are framed in the metadata");
  const auto flat = l.flat_arrays();
  if (!flat) {
    l.fail("KV303", fmt::format("{} for a list that counts its children's arrays", l.describe_arrays()));
    return;
  }
  const std::span<const std::string> words = l.meta.values;
  std::size_t next = 0;
  const auto broken = [&](const std::string& why) {
    return l.fail("KV471", fmt::format("the framing of the children is broken: {}", why));
  };
  /// The next word as a count that the words or arrays still there can satisfy.
  const auto count = [&](std::string_view what, std::size_t limit, std::size_t& value) {
    if (next == words.size()) return broken(fmt::format("it ends before {}", what));
    const std::string& word = words[next++];
    const auto number = parse_index(word);
    if (!number) return broken(fmt::format("{} is '{}'", what, printable(word)));
    if (*number > limit) return broken(fmt::format("{} is {}, but only {} are there", what, *number, limit));
    value = static_cast<std::size_t>(*number);
    return true;
  };

  std::size_t child_count = 0;
  if (!count("the number of children", words.size(), child_count)) return;
  std::vector<std::unique_ptr<Cache>> children;
  std::size_t next_array = 0;
  bool good = true;
  for (std::size_t i = 0; i < child_count; ++i) {
    if (next == words.size()) {
      broken(fmt::format("{} children are announced, it ends after {}", child_count, i));
      return;
    }
    LayerInput child;
    child.where = l.in.where.child(i);
    child.key = l.in.key;
    child.class_text = words[next++];
    child.framed = true;
    child.depth = l.in.depth + 1;
    std::size_t array_count = 0;
    std::size_t meta_count = 0;
    if (!count("the number of arrays", flat->size() - next_array, array_count)) return;
    if (!count("the number of metadata values", words.size() - std::min(words.size(), next + 1), meta_count)) return;
    ArrayTree arrays;
    for (std::size_t a = 0; a < array_count; ++a) arrays.children[a].value = (*flat)[next_array++];
    MetaTree meta;
    for (std::size_t m = 0; m < meta_count; ++m) meta.children[m].value = words[next++];
    child.arrays = &arrays;
    child.meta = &meta;
    LayerOutput out = decode(child);
    l.out.eras &= out.eras;
    l.out.evidence.insert(l.out.evidence.end(), out.evidence.begin(), out.evidence.end());
    good = good && out.decoded;
    children.push_back(std::move(out.cache));
  }
  if (next != words.size() || next_array != flat->size()) {
    broken(fmt::format("{} metadata values and {} arrays belong to no child", words.size() - next, flat->size() - next_array));
    return;
  }
  l.out.arrays = *flat;
  if (good) l.done(std::make_unique<CacheList>(std::move(children)));
}

}  // namespace kvcache::detail

// Files of mlx-lm 0.32 (docs/formats.md, "A table of leaves"): a layer is its whole state, buffers unsliced, and nothing beside
// it.
//
// Rows that no token uses are cut off as soon as they are read, so that no operation ever takes them for tokens; how many there
// were is noted (LayerSource::unused).
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cache/axes.h"
#include "cache/class_names.h"
#include "common/codes.h"
#include "format/document.h"
#include "format/file_layout.h"
#include "format/leaf_table/leaf_table.h"
#include "format/sections/decoder_layer.h"
#include "kvcache/error.h"

namespace kvcache::detail {
namespace {

// Every array of a tree, in the order of the state.
void collect_leaves(const ArrayTree& tree, std::vector<std::size_t>& out) {
  if (tree.value && *tree.value != missing_leaf) out.push_back(*tree.value);
  for (const auto& [index, child] : tree.children) collect_leaves(child, out);
}

Tensor first_rows(const Tensor& array, std::int64_t rows, UnusedRows& unused) {
  Tensor out = array.slice(row_axis, 0, rows);
  unused.rows = array.dim(row_axis) - rows;
  unused.bytes += array.nbytes() - out.nbytes();
  return out;
}

/// Keep the rows that hold tokens. A number of them that the buffers cannot hold is for the rules of the class to report.
template <typename State>
UnusedRows cut(State& state, std::int64_t rows) {
  UnusedRows unused;
  if (rows < 0 || rows > state.keys.dim(row_axis)) return unused;
  state.keys = first_rows(state.keys, rows, unused);
  state.values = first_rows(state.values, rows, unused);
  return unused;
}

UnusedRows cut(QuantizedKVCache::State& state, std::int64_t rows) {
  UnusedRows unused;
  for (Quantized* const q : {&state.keys, &state.values})
    for (Tensor* const array : {&q->weights, &q->scales, &q->biases})
      if (rows >= 0 && rows <= array->dim(row_axis)) *array = first_rows(*array, rows, unused);
  return unused;
}

/// A layer's state as leaves in the reference's order. Each accessor reports what is wrong and returns false.
class Leaves {
 public:
  Leaves(Decoder::Layer& layer, const LeafTable& table, const ArrayTree& tree) : l_(layer), table_(table), tree_(tree) {}

  [[nodiscard]] std::size_t size() const { return tree_.children.size(); }
  bool expect(std::size_t count) {
    if (size() == count) return true;
    return l_.fail("KV303",
                   fmt::format("{} leaves instead of {} for the class {}", size(), count, printable(l_.in.class_text)));
  }
  /// An array, or nothing for None.
  bool array(std::size_t leaf, std::string_view what, std::optional<std::size_t>& out) {
    const ArrayTree& node = tree_.children.at(leaf);
    if (!node.value) return l_.fail("KV303", fmt::format("{} are a list instead of an array", what), path(leaf));
    if (*node.value == missing_leaf) return false;  // reported
    const auto kind = table_.kind(key(*node.value));
    if (!kind) return false;  // reported
    out.reset();
    if (*kind == LeafKind::none) return true;
    if (*kind != LeafKind::array)
      return l_.fail("KV492", fmt::format("the table of leaves names {}, which are an array", what), key(*node.value));
    out = *node.value;
    return true;
  }
  bool scalar(std::size_t leaf, std::string_view what, std::int64_t& out) {
    std::size_t at = 0;
    if (!named(leaf, LeafKind::scalar, what, at)) return false;
    out = table_.scalar(at);
    if (parse_int32(std::to_string(out), out) == IntegerError::none) return true;
    return l_.fail("KV306", fmt::format("{} is {}, beyond 32 bits", what, out), key(at));
  }
  bool text(std::size_t leaf, std::string_view what, std::string& out) {
    std::size_t at = 0;
    if (!named(leaf, LeafKind::string, what, at)) return false;
    out = table_.text(at);
    return true;
  }
  [[nodiscard]] bool is_none(std::size_t leaf) const {
    const auto& value = tree_.children.at(leaf).value;
    return value && *value != missing_leaf && table_.kind(key(*value)) == LeafKind::none;
  }
  [[nodiscard]] const ArrayTree& node(std::size_t leaf) const { return tree_.children.at(leaf); }
  [[nodiscard]] std::string path(std::size_t leaf) const { return fmt::format("{}.{}", l_.in.key, leaf); }

 private:
  [[nodiscard]] const std::string& key(std::size_t array) const { return l_.decoder.entry(array).key; }
  /// A leaf that the table has to name as what it is: mlx-lm would take it for an array else.
  bool named(std::size_t leaf, LeafKind wanted, std::string_view what, std::size_t& at) {
    const ArrayTree& node = tree_.children.at(leaf);
    if (!node.value) return l_.fail("KV303", fmt::format("{} is a list", what), path(leaf));
    at = *node.value;
    if (at == missing_leaf) return false;  // reported
    const auto kind = table_.kind(key(at));
    if (!kind) return false;  // reported
    if (*kind == wanted) return true;
    const std::string_view word = wanted == LeafKind::scalar ? "a scalar" : "a string";
    return l_.fail("KV492",
                   *kind == LeafKind::array
                       ? fmt::format("{} is not in the table of leaves: mlx-lm takes it for an array instead of {}", what, word)
                       : fmt::format("the table of leaves calls {} by another kind than {}", what, word),
                   key(at));
  }

  Decoder::Layer& l_;
  const LeafTable& table_;
  const ArrayTree& tree_;
};

class LeafTableDecoder {
 public:
  explicit LeafTableDecoder(Document& document)
      : document_(document),
        header_(document.file.header()),
        decoder_(document.file, document.findings),
        table_(document.file) {}

  void run();

 private:
  using Layer = Decoder::Layer;
  using Decode = void (LeafTableDecoder::*)(Layer& l, Leaves& leaves);

  /// How a class is read, or null for a name that mlx-lm 0.32 does not have.
  static Decode decode_of(std::string_view class_text) noexcept;
  void read_sections();
  LayerOutput layer(const Where& where, const std::string& path, const std::string& class_text, const ArrayTree& tree,
                    int depth);
  void kv(Layer& l, Leaves& leaves);
  void concatenate(Layer& l, Leaves& leaves);
  void rotating(Layer& l, Leaves& leaves);
  void quantized(Layer& l, Leaves& leaves);
  void chunked(Layer& l, Leaves& leaves);
  void arrays(Layer& l, Leaves& leaves);
  void list(Layer& l, Leaves& leaves);
  void batch(Layer& l, Leaves& leaves);
  void batch_rotating(Layer& l, Leaves& leaves);

  /// Keys and values, leaves 0 and 1: both arrays or both None, then undefined.
  template <typename State>
  bool keys_and_values(Layer& l, Leaves& leaves, State& state);
  /// Offsets and left paddings of a batch, leaves 2 and 3.
  template <typename State>
  bool sequences(Layer& l, Leaves& leaves, State& state);
  bool integers(Layer& l, Leaves& leaves, std::size_t leaf, std::string_view what, std::optional<std::int64_t> batch,
                std::optional<Int32s>& out);

  template <typename Class>
  static void done(Layer& l, typename Class::State state, UnusedRows unused = {}) {
    l.out.unused_rows.push_back(unused);
    l.done(std::make_unique<Class>(std::move(state)));
  }
  void report(std::string_view code, const Where& where, const std::string& key, const std::string& message,
              Remedy remedy = {}) {
    document_.findings.push_back(make_finding(code, where, key, message, std::move(remedy)));
  }

  Document& document_;
  const Header& header_;
  Decoder decoder_;
  LeafTable table_;
  std::map<std::uint64_t, std::string> classes_;
  ArrayTree arrays_;
};

void LeafTableDecoder::read_sections() {
  for (const auto& [key, value] : header_.metadata) {
    const std::string_view path = std::string_view(key).substr(std::min<std::size_t>(2, key.size()));
    if (key.starts_with("0.")) {
      document_.cache.metadata.emplace(path, value);
    } else if (key.starts_with("1.")) {
      if (const auto index = parse_index(path)) {
        classes_.emplace(*index, value);
      } else {
        report("KV201", {}, key, fmt::format("class key '{}' is no index path", printable(key)));
      }
    } else if (!key.starts_with("2.")) {
      report("KV202", {}, key,
             fmt::format("metadata key '{}' is in none of the sections 0, 1 and 2; mlx-lm refuses the whole file because of it",
                         printable(key)),
             "user metadata belongs under '0.': rename or remove the key where the file is made");
    }
  }
  if (!classes_.empty() && classes_.rbegin()->first + 1 != classes_.size())
    report("KV203", {}, fmt::format("1.{}", classes_.rbegin()->first),
           fmt::format("{} classes, but the last one is that of layer {}", classes_.size(), classes_.rbegin()->first));
  for (std::size_t i = 0; i < header_.tensors.size(); ++i) {
    const std::string& key = header_.tensors[i].key;
    if (parse_index(key)) {
      report("KV201", {}, key,
             fmt::format("tensor key '{}' is no index path: a layer's array needs at least two components", printable(key)));
    } else {
      insert_path(arrays_, key, i, key, "tensor key", document_.findings);
    }
  }
}

template <typename State>
bool LeafTableDecoder::keys_and_values(Layer& l, Leaves& leaves, State& state) {
  std::optional<std::size_t> keys, values;
  if (!leaves.array(0, "keys", keys) || !leaves.array(1, "values", values)) return false;
  if (keys.has_value() != values.has_value())
    return l.fail("KV303", fmt::format("{} are None, but {} are not", keys ? "values" : "keys", keys ? "keys" : "values"));
  if (!keys) return true;
  if (!l.check_keys_and_values(*keys, *values)) return false;
  state.keys = decoder_.tensor(*keys);
  state.values = decoder_.tensor(*values);
  return true;
}

bool LeafTableDecoder::integers(Layer& l, Leaves& leaves, std::size_t leaf, std::string_view what,
                                std::optional<std::int64_t> batch, std::optional<Int32s>& out) {
  std::optional<std::size_t> array;
  if (!leaves.array(leaf, what, array)) return false;
  if (!array) return true;
  const TensorEntry& e = decoder_.entry(*array);
  out.emplace();
  if (e.dtype == Dtype::F32 && e.shape == Shape{0} && batch.value_or(0) == 0) return true;  // an empty list has no integers
  if (!l.expect_rank(*array, 1, what)) return false;
  return l.read_int32s(*array, batch.value_or(e.shape[0]), what, *out);
}

template <typename State>
bool LeafTableDecoder::sequences(Layer& l, Leaves& leaves, State& state) {
  std::optional<std::int64_t> batch;
  if (state.keys.defined()) batch = state.keys.dim(0);
  std::optional<Int32s> offset, left_padding;
  if (!integers(l, leaves, 2, "offsets", batch, offset)) return false;
  if (offset) batch = static_cast<std::int64_t>(offset->size());
  if (!integers(l, leaves, 3, "left paddings", batch, left_padding)) return false;
  if (!offset || !left_padding)
    return l.fail("KV303", fmt::format("the {} of a batch are None", offset ? "left paddings" : "offsets"));
  state.offset = std::move(*offset);
  state.left_padding = std::move(*left_padding);
  return true;
}

void LeafTableDecoder::kv(Layer& l, Leaves& leaves) {
  KVCache::State state;
  std::int64_t offset = 0;
  if (!leaves.expect(3) || !keys_and_values(l, leaves, state) || !leaves.scalar(2, "offset", offset)) return;
  const std::int64_t rows = state.keys.defined() ? state.keys.dim(row_axis) : 0;
  if (offset < 0 || offset > rows) {
    l.fail("KV424",
           fmt::format("offset {} is outside the {} rows: the next token would be written behind rows that nobody saved",
                       offset, rows),
           leaves.path(2));
    return;
  }
  UnusedRows unused;
  if (state.keys.defined()) unused = cut(state, offset);
  done<KVCache>(l, std::move(state), unused);
}

void LeafTableDecoder::concatenate(Layer& l, Leaves& leaves) {
  KVCache::State state;
  state.alias = "ConcatenateKVCache";
  l.out.early_form = table_.early_form() && leaves.size() == 3;  // with an offset that it has no place for
  if ((!l.out.early_form && !leaves.expect(2)) || !keys_and_values(l, leaves, state)) return;
  done<KVCache>(l, std::move(state));
}

void LeafTableDecoder::rotating(Layer& l, Leaves& leaves) {
  RotatingKVCache::State state;
  if (!leaves.expect(6) || !keys_and_values(l, leaves, state)) return;
  bool good = leaves.scalar(2, "offset", state.offset);
  good = leaves.scalar(3, "keep", state.keep) && good;
  good = leaves.scalar(4, "max_size", state.max_size) && good;
  good = leaves.scalar(5, "_idx", state.idx) && good;
  if (!good) return;
  UnusedRows unused;
  if (state.keys.defined()) unused = cut(state, std::min(state.keys.dim(row_axis), state.offset));
  done<RotatingKVCache>(l, std::move(state), unused);
}

void LeafTableDecoder::quantized(Layer& l, Leaves& leaves) {
  QuantizedKVCache::State state;
  if (!leaves.expect(5)) return;
  bool good = leaves.scalar(2, "offset", state.offset);
  good = leaves.scalar(3, "group_size", state.group_size) && good;
  good = leaves.scalar(4, "bits", state.bits) && good;
  if (!good) return;
  if (leaves.is_none(0) && leaves.is_none(1)) return done<QuantizedKVCache>(l, std::move(state));
  std::vector<std::size_t> triples[2];
  for (const std::size_t half : {0U, 1U}) {
    const std::string_view what = half == 0 ? "keys" : "values";
    const ArrayTree& triple = leaves.node(half);
    Leaves inner(l, table_, triple);
    if (triple.value || triple.children.size() != 3) {
      l.fail("KV303", fmt::format("{} are no weights, scales and biases", what), leaves.path(half));
      return;
    }
    for (const std::size_t k : {0U, 1U, 2U}) {
      std::optional<std::size_t> array;
      if (!inner.array(k, what, array)) return;
      if (!array) {
        l.fail("KV303", fmt::format("an array of the quantized {} is None", what), leaves.path(half));
        return;
      }
      triples[half].push_back(*array);
    }
  }
  if (!l.take_quantized(triples[0], triples[1], state)) return;
  const UnusedRows unused = cut(state, state.offset);
  done<QuantizedKVCache>(l, std::move(state), unused);
}

void LeafTableDecoder::chunked(Layer& l, Leaves& leaves) {
  ChunkedKVCache::State state;
  l.out.early_form = table_.early_form() && leaves.size() == 4;  // without an offset
  if ((!l.out.early_form && !leaves.expect(5)) || !keys_and_values(l, leaves, state)) return;
  const std::size_t first = l.out.early_form ? 2 : 3;
  std::int64_t chunk_size = 0;
  bool good = true;
  if (!leaves.is_none(first)) {
    good = leaves.scalar(first, "chunk_size", chunk_size);
    state.chunk_size = chunk_size;
  }
  good = leaves.scalar(first + 1, "start_position", state.start_position) && good;
  std::int64_t offset = 0;
  if (!l.out.early_form) good = leaves.scalar(2, "offset", offset) && good;
  if (!good) return;
  UnusedRows unused;
  if (!l.out.early_form) {
    state.true_offset = offset;
    state.offset_stored = true;
    if (state.keys.defined()) unused = cut(state, offset - state.start_position);
  }
  done<ChunkedKVCache>(l, std::move(state), unused);
}

void LeafTableDecoder::arrays(Layer& l, Leaves& leaves) {
  ArraysCache::State state;
  l.out.early_form = table_.early_form() && leaves.size() == 1;  // nothing for paddings and lengths
  if (!l.out.early_form && !leaves.expect(3)) return;
  const ArrayTree& slots = leaves.node(0);
  if (!slots.is_list()) {
    l.fail("KV303", "the slots are no list of arrays", leaves.path(0));
    return;
  }
  Leaves inner(l, table_, slots);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    std::optional<std::size_t> array;
    if (!inner.array(i, fmt::format("slot {}", i), array)) return;
    state.slots.push_back(array ? decoder_.tensor(*array) : Tensor());
  }
  if (!l.out.early_form && (!integers(l, leaves, 1, "left paddings", {}, state.left_padding) ||
                            !integers(l, leaves, 2, "lengths", {}, state.lengths)))
    return;
  for (std::optional<Int32s>* const values : {&state.left_padding, &state.lengths}) {
    if (!table_.early_form() || !*values || !(*values)->empty()) continue;
    l.out.early_form = true;  // an absent one, which was an empty array without a row
    values->reset();
  }
  done<ArraysCache>(l, std::move(state));
}

void LeafTableDecoder::list(Layer& l, Leaves& leaves) {
  if (l.in.depth >= max_list_depth) {
    l.fail("KV207", fmt::format("cache lists are nested deeper than {}", max_list_depth));
    return;
  }
  std::vector<std::unique_ptr<Cache>> children;
  bool good = true;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const ArrayTree& child = leaves.node(i);
    if (child.value || child.children.size() != 2 || child.children.at(0).value) {
      const bool reported = !child.value && child.children.size() == 2 && child.children.at(0).value == missing_leaf;
      if (!reported) l.fail("KV313", fmt::format("child {} is no pair of a state and a class name", i), leaves.path(i));
      good = false;
      continue;
    }
    LayerInput name_at = l.in;
    name_at.key = leaves.path(i);
    Layer pair(decoder_, name_at);
    std::string class_text;
    if (!Leaves(pair, table_, child).text(1, fmt::format("the class name of child {}", i), class_text)) {
      good = false;
      continue;
    }
    LayerOutput out =
        layer(l.in.where.child(i), fmt::format("{}.0", leaves.path(i)), class_text, child.children.at(0), l.in.depth + 1);
    good = good && out.decoded;
    l.out.early_form = l.out.early_form || out.early_form;
    l.out.unused_rows.insert(l.out.unused_rows.end(), out.unused_rows.begin(), out.unused_rows.end());
    children.push_back(std::move(out.cache));
  }
  if (good) l.done(std::make_unique<CacheList>(std::move(children)));
}

void LeafTableDecoder::batch(Layer& l, Leaves& leaves) {
  BatchKVCache::State state;
  l.out.early_form = table_.early_form() && leaves.size() == 4;  // without _idx, which was the number of rows
  if (!l.out.early_form && !leaves.expect(5)) return;
  if (!keys_and_values(l, leaves, state) || !sequences(l, leaves, state)) return;
  UnusedRows unused;
  if (!l.out.early_form) {
    std::int64_t idx = 0;
    if (!leaves.scalar(4, "_idx", idx)) return;
    const std::int64_t rows = state.keys.defined() ? state.keys.dim(row_axis) : 0;
    if (idx < 0 || idx > rows) {
      l.fail("KV424",
             fmt::format("_idx {} is outside the {} rows: the next token would be written behind rows that nobody saved", idx,
                         rows),
             leaves.path(4));
      return;
    }
    if (state.keys.defined()) unused = cut(state, idx);
  }
  done<BatchKVCache>(l, std::move(state), unused);
}

void LeafTableDecoder::batch_rotating(Layer& l, Leaves& leaves) {
  BatchRotatingKVCache::State state;
  if (!leaves.expect(8) || !keys_and_values(l, leaves, state) || !sequences(l, leaves, state)) return;
  std::int64_t rotated = 0;
  bool good = leaves.scalar(4, "max_size", state.max_size);
  good = leaves.scalar(5, "_offset", state.total) && good;
  good = leaves.scalar(6, "_idx", state.idx) && good;
  good = leaves.scalar(7, "rotated", rotated) && good;
  if (!good) return;
  state.rotated = rotated != 0;
  UnusedRows unused;
  if (state.keys.defined()) unused = cut(state, std::min(state.keys.dim(row_axis), state.total));
  done<BatchRotatingKVCache>(l, std::move(state), unused);
}

LeafTableDecoder::Decode LeafTableDecoder::decode_of(std::string_view class_text) noexcept {
  if (is_concatenate(class_text)) return &LeafTableDecoder::concatenate;
  const auto kind = kind_of_class(class_text);
  if (!kind || class_text != class_name_of(*kind)) return nullptr;  // it has no aliases
  switch (*kind) {
    case CacheKind::kv:
      return &LeafTableDecoder::kv;
    case CacheKind::rotating:
      return &LeafTableDecoder::rotating;
    case CacheKind::quantized:
      return &LeafTableDecoder::quantized;
    case CacheKind::chunked:
      return &LeafTableDecoder::chunked;
    case CacheKind::arrays:
      return &LeafTableDecoder::arrays;
    case CacheKind::list:
      return &LeafTableDecoder::list;
    case CacheKind::batch:
      return &LeafTableDecoder::batch;
    case CacheKind::batch_rotating:
      return &LeafTableDecoder::batch_rotating;
    case CacheKind::turbo_quant:
    case CacheKind::variance_normalized:
    case CacheKind::opaque:
      break;
  }
  return nullptr;
}

LayerOutput LeafTableDecoder::layer(const Where& where, const std::string& path, const std::string& class_text,
                                    const ArrayTree& tree, int depth) {
  LayerInput in;
  in.where = where;
  in.key = path;
  in.class_text = class_text;
  in.arrays = &tree;
  in.depth = depth;
  const std::size_t before = document_.findings.size();
  Layer l(decoder_, in);
  const Decode decode = decode_of(class_text);
  if (depth == 0 && !is_sound(tree, where, path, "arrays", document_.findings)) {
    // reported
  } else if (decode == nullptr) {
    l.fail("KV301", Decoder::knows_class(class_text)
                        ? fmt::format("mlx-lm 0.32 has no class '{}' and fails to load the file", printable(class_text))
                        : fmt::format("unknown class '{}'; no runtime known to this tool has it", printable(class_text)));
  } else {
    Leaves leaves(l, table_, tree);
    (this->*decode)(l, leaves);
  }
  std::vector<std::size_t> all;
  collect_leaves(tree, all);
  l.out.arrays = all;
  if (!l.out.decoded) {
    l.out.unused_rows.assign(1, {});
    l.out.cache = decoder_.undecoded(in, all, before);
  }
  return std::move(l.out);
}

void LeafTableDecoder::run() {
  read_sections();
  check_layer_count(classes_.size());
  if (classes_.empty() && arrays_.empty())
    throw Error(ErrorKind::unreadable, "not a prompt cache: an empty list of caches", "it was saved before there was any layer",
                "KV122");
  table_.read(arrays_, document_.findings);
  for (const auto& [index, class_text] : classes_) {
    const Where where = Where::of_layer(index);
    const auto tree = arrays_.children.find(index);
    LayerOutput out;
    if (tree == arrays_.children.end()) {
      const std::string message = fmt::format(
          "{} has no arrays; mlx-lm silently drops such a layer if it is the last one, or fails", printable(class_text));
      report("KV302", where, fmt::format("1.{}", index), message, "the file has lost tensors: make it anew");
      out.cache = std::make_unique<OpaqueCache>(OpaqueCache::State{class_text, {}, message});
      out.unused_rows.assign(1, {});
    } else {
      out = layer(where, std::to_string(index), class_text, tree->second, 0);
    }
    out.eras = eras_laid_out_as(LayoutName::leaf_table);
    out.evidence = {"class names in section 1, a table of leaves in section 2"};
    if (out.early_form) out.evidence.emplace_back("leaves as kvcache 0.1 wrote them");
    add_layer(document_, class_text, std::move(out));
  }
  for (const auto& [index, tree] : arrays_.children)
    if (!classes_.contains(index))
      report("KV204", Where::of_layer(index), std::to_string(index),
             fmt::format("arrays of layer {}, which has no class", index));
  detect_eras(document_, std::vector<bool>(document_.sources.size(), false));
}

}  // namespace

void decode_leaf_table(Document& document) {
  LeafTableDecoder(document).run();
}

}  // namespace kvcache::detail

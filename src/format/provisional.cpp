// mlx-lm since 2026-09-09 (docs/formats.md, "P5 is provisional"): no file of it was at hand, so it is read leniently.
//
// What used to be metadata are arrays of one element here, named by a table. Decoding moves them back and then treats the layer
// as one of the era before.
#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <set>
#include <span>
#include <utility>

#include "format/codes.h"
#include "format/decoder_layer.h"
#include "format/document.h"

namespace kvcache::detail {
namespace {

/// A string leaf is an array with one integer a character; nobody names a class with more.
constexpr std::uint64_t max_text = 256;

/// One element; rank 0 is expected, rank 1 accepted.
bool is_scalar(const TensorEntry& entry) {
  return element_count(entry.shape) == 1U && entry.shape.size() <= 1;
}

template <typename Integer>
std::vector<std::int64_t> widened(std::span<const std::byte> raw) {
  std::vector<std::int64_t> values;
  for (std::size_t at = 0; at + sizeof(Integer) <= raw.size(); at += sizeof(Integer)) {
    Integer value = 0;
    std::memcpy(&value, raw.data() + at, sizeof value);
    const bool fits = std::in_range<std::int64_t>(value);
    values.push_back(fits ? static_cast<std::int64_t>(value) : std::numeric_limits<std::int64_t>::max());
  }
  return values;
}

class ProvisionalDecoder {
 public:
  explicit ProvisionalDecoder(Document& document)
      : document_(document), header_(document.file.header()), decoder_(document.file, document.findings) {}

  void run();

 private:
  void read_sections();
  void read_table();
  LayerOutput layer(const std::string& where, const std::string& path, const std::string& class_text, const ArrayTree& tree,
                    int depth);
  LayerOutput list(const std::string& where, const std::string& path, const ArrayTree& tree, int depth);
  LayerOutput opaque(const std::string& class_text, const std::string& why) const;
  std::optional<std::int64_t> scalar(const std::string& where, const std::string& path, const ArrayTree* leaf);
  std::optional<std::string> text(const ArrayTree* leaf) const;
  std::optional<std::vector<std::int64_t>> integers(std::size_t array) const;
  std::unique_ptr<Cache> cut_padding(std::unique_ptr<Cache> cache, std::int64_t offset) const;

  void report(std::string_view code, const std::string& where, const std::string& key, const std::string& message) {
    document_.findings.push_back(make_finding(code, where, key, message));
  }

  Document& document_;
  const Header& header_;
  Decoder decoder_;
  std::map<std::uint64_t, std::string> classes_;
  std::set<std::string> no_scalars_;  ///< called scalars by the table, and reported
  ArrayTree arrays_;
};

/// Names of the scalars behind a class's arrays, in file order, and the order of the metadata values they used to be.
struct ClassShape {
  std::string_view name;
  std::size_t arrays;                     ///< arrays (or groups of arrays) before the scalars
  std::vector<std::string_view> scalars;  ///< in file order
  std::vector<std::size_t> meta;          ///< metadata value k is scalar meta[k]
};

const ClassShape* find_shape(std::string_view name) {
  static const std::vector<ClassShape> shapes = {
      {"KVCache", 2, {"offset"}, {}},
      {"ConcatenateKVCache", 2, {"offset"}, {}},
      {"RotatingKVCache", 2, {"offset", "keep", "max_size", "idx"}, {1, 2, 0, 3}},
      {"QuantizedKVCache", 2, {"offset", "group_size", "bits"}, {0, 1, 2}},
      {"ChunkedKVCache", 2, {"chunk_size", "start_position"}, {0, 1}},
      {"BatchKVCache", 4, {}, {}},
      {"BatchRotatingKVCache", 4, {"max_size", "offset", "idx", "rotated"}, {0, 1, 2, 3}},
  };
  for (const ClassShape& shape : shapes)
    if (shape.name == name) return &shape;
  return nullptr;
}

void ProvisionalDecoder::read_sections() {
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
      report("KV202", {}, key, fmt::format("metadata key '{}' is in none of the sections 0, 1 and 2", printable(key)));
    }
  }
  if (!classes_.empty() && classes_.rbegin()->first + 1 != classes_.size())
    report("KV203", {}, fmt::format("1.{}", classes_.rbegin()->first),
           fmt::format("{} classes, but the last one is that of layer {}", classes_.size(), classes_.rbegin()->first));
  for (std::size_t i = 0; i < header_.tensors.size(); ++i)
    insert_path(arrays_, header_.tensors[i].key, i, header_.tensors[i].key, "tensor key", document_.findings);
}

void ProvisionalDecoder::read_table() {
  for (auto it = header_.metadata.lower_bound("2."); it != header_.metadata.end() && it->first.starts_with("2."); ++it) {
    const std::string_view path = std::string_view(it->first).substr(2);
    const std::size_t dot = path.find('.');
    const auto row = parse_index(path.substr(0, dot));
    if (!row || dot == std::string_view::npos || (path.substr(dot + 1) != "0" && path.substr(dot + 1) != "1")) {
      report("KV201", {}, it->first, fmt::format("table key '{}' is no pair of a row and 0 or 1", printable(it->first)));
      continue;
    }
    if (*row == 0 || path.substr(dot + 1) == "1") continue;  // row 0 is a sentinel
    const TensorEntry* const leaf = header_.find(it->second);
    if (leaf == nullptr) {
      report("KV492", {}, it->first,
             fmt::format("the table of leaves names '{}', but there is no such array", printable(it->second)));
      continue;
    }
    // Types that are neither of the two known ones are read leniently: what a leaf is follows from its class.
    const auto type = header_.metadata.find(fmt::format("2.{}.1", *row));
    if (type != header_.metadata.end() && type->second == "scalar" && !is_scalar(*leaf)) {
      no_scalars_.insert(leaf->key);
      report("KV492", {}, it->first,
             fmt::format("the table of leaves calls '{}' a scalar, but it has shape {}", printable(it->second),
                         to_string(leaf->shape)));
    }
  }
}

/// A few integers of any width, or nothing for another dtype. What does not fit into 63 bits is the largest that does.
std::optional<std::vector<std::int64_t>> ProvisionalDecoder::integers(std::size_t array) const {
  const Tensor tensor = decoder_.tensor(array);
  std::vector<std::byte> raw(static_cast<std::size_t>(tensor.nbytes()));
  tensor.read(0, raw);
  switch (tensor.dtype()) {
    case Dtype::I8:
      return widened<std::int8_t>(raw);
    case Dtype::U8:
      return widened<std::uint8_t>(raw);
    case Dtype::I16:
      return widened<std::int16_t>(raw);
    case Dtype::U16:
      return widened<std::uint16_t>(raw);
    case Dtype::I32:
      return widened<std::int32_t>(raw);
    case Dtype::U32:
      return widened<std::uint32_t>(raw);
    case Dtype::I64:
      return widened<std::int64_t>(raw);
    case Dtype::U64:
      return widened<std::uint64_t>(raw);
    case Dtype::BOOL: {
      auto flags = widened<std::uint8_t>(raw);
      for (std::int64_t& flag : flags) flag = flag != 0 ? 1 : 0;
      return flags;
    }
    default:
      return std::nullopt;
  }
}

std::optional<std::int64_t> ProvisionalDecoder::scalar(const std::string& where, const std::string& path,
                                                       const ArrayTree* leaf) {
  if (leaf == nullptr || !leaf->value) {
    report("KV303", where, path, fmt::format("'{}' is missing or no array", path));
    return std::nullopt;
  }
  const TensorEntry& e = decoder_.entry(*leaf->value);
  if (!is_scalar(e)) {
    if (no_scalars_.contains(e.key)) return std::nullopt;
    report("KV492", where, e.key,
           fmt::format("'{}' has shape {} instead of one element", printable(e.key), to_string(e.shape)));
    return std::nullopt;
  }
  const auto values = integers(*leaf->value);
  if (!values) {
    report("KV492", where, e.key,
           fmt::format("'{}' is {} instead of an integer or a boolean", printable(e.key), name(e.dtype)));
    return std::nullopt;
  }
  const std::int64_t value = values->front();
  if (value < -2147483648LL || value > 2147483647LL) {
    report("KV306", where, e.key, fmt::format("'{}' is {}, beyond 32 bits", printable(e.key), value));
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> ProvisionalDecoder::text(const ArrayTree* leaf) const {
  if (leaf == nullptr || !leaf->value) return std::nullopt;
  const TensorEntry& e = decoder_.entry(*leaf->value);
  const auto count = element_count(e.shape);
  if (!count || *count > max_text) return std::nullopt;
  const auto characters = integers(*leaf->value);
  if (!characters || e.dtype == Dtype::BOOL) return std::nullopt;
  std::string out;
  for (const std::int64_t c : *characters) {
    if (c < 0 || c > 127) return std::nullopt;  // class names are ASCII
    out.push_back(static_cast<char>(c));
  }
  return out;
}

LayerOutput ProvisionalDecoder::opaque(const std::string& class_text, const std::string& why) const {
  LayerOutput out;
  out.cache = std::make_unique<OpaqueCache>(OpaqueCache::State{class_text, {}, why});
  return out;
}

std::unique_ptr<Cache> ProvisionalDecoder::cut_padding(std::unique_ptr<Cache> cache, std::int64_t offset) const {
  if (const auto* kv = dynamic_cast<const KVCache*>(cache.get())) {
    KVCache::State state = kv->state();
    state.keys = state.keys.slice(2, 0, offset);
    state.values = state.values.slice(2, 0, offset);
    return std::make_unique<KVCache>(std::move(state));
  }
  if (const auto* ring = dynamic_cast<const RotatingKVCache*>(cache.get())) {
    RotatingKVCache::State state = ring->state();
    state.keys = state.keys.slice(2, 0, offset);
    state.values = state.values.slice(2, 0, offset);
    return std::make_unique<RotatingKVCache>(std::move(state));
  }
  if (const auto* quantized = dynamic_cast<const QuantizedKVCache*>(cache.get())) {
    QuantizedKVCache::State state = quantized->state();
    for (Quantized* q : {&state.keys, &state.values})
      for (Tensor* t : {&q->weights, &q->scales, &q->biases})
        if (t->defined()) *t = t->slice(2, 0, offset);
    return std::make_unique<QuantizedKVCache>(std::move(state));
  }
  return cache;
}

LayerOutput ProvisionalDecoder::list(const std::string& where, const std::string& path, const ArrayTree& tree, int depth) {
  if (depth >= max_list_depth) {
    report("KV207", where, path, fmt::format("cache lists are nested deeper than {}", max_list_depth));
    return opaque("CacheList", "nested too deep");
  }
  std::vector<std::unique_ptr<Cache>> children;
  LayerOutput out;
  bool good = true;
  for (const auto& [index, child] : tree.children) {
    const ArrayTree* state = child.children.contains(0) ? &child.children.at(0) : nullptr;
    const auto class_text = text(child.children.contains(1) ? &child.children.at(1) : nullptr);
    if (state == nullptr || !class_text || child.children.size() != 2) {
      report("KV313", where, fmt::format("{}.{}", path, index),
             fmt::format("child {} is no pair of a state and a class name", index));
      good = false;
      continue;
    }
    LayerOutput decoded =
        layer(fmt::format("{} child {}", where, index), fmt::format("{}.{}.0", path, index), *class_text, *state, depth + 1);
    good = good && decoded.decoded;
    out.arrays.insert(out.arrays.end(), decoded.arrays.begin(), decoded.arrays.end());
    children.push_back(std::move(decoded.cache));
  }
  if (!good || children.empty()) return opaque("CacheList", "a child could not be decoded");
  out.cache = std::make_unique<CacheList>(std::move(children));
  out.decoded = true;
  return out;
}

LayerOutput ProvisionalDecoder::layer(const std::string& where, const std::string& path, const std::string& class_text,
                                      const ArrayTree& tree, int depth) {
  ArrayTree arrays = tree;
  if (class_text == "ArraysCache")
    for (const std::uint64_t optional : {1U, 2U}) arrays.children.try_emplace(optional);  // leaves that are None are absent
  if (!is_sound(arrays, where, path, "arrays", document_.findings)) return opaque(class_text, "gaps in its keys");
  if (class_text == "CacheList") return list(where, path, tree, depth);
  LayerInput in;
  in.where = where;
  in.key = path;
  in.class_text = class_text;
  in.depth = depth;
  MetaTree meta;
  meta.value = "";
  in.meta = &meta;
  const ClassShape* shape = find_shape(class_text);
  std::optional<std::int64_t> offset;
  if (shape != nullptr) {
    std::vector<std::int64_t> scalars;
    for (std::size_t k = 0; k < shape->scalars.size(); ++k) {
      const std::size_t at = shape->arrays + k;
      const auto it = tree.children.find(at);
      const auto value = scalar(where, fmt::format("{}.{}", path, at), it == tree.children.end() ? nullptr : &it->second);
      if (!value) return opaque(class_text, "a scalar is missing or broken");
      if (shape->scalars[k] == "offset" && shape->name != "BatchRotatingKVCache") offset = *value;
      scalars.push_back(*value);
      arrays.children.erase(at);
    }
    if (!shape->meta.empty()) meta.value.reset();
    for (std::size_t k = 0; k < shape->meta.size(); ++k) {
      const bool flag = shape->scalars[shape->meta[k]] == "rotated";
      const std::int64_t value = scalars[shape->meta[k]];
      meta.children[k].value = flag ? (value != 0 ? "True" : "False") : std::to_string(value);
    }
  }
  in.arrays = &arrays;
  LayerOutput out = decoder_.decode(in);
  if (!out.decoded || !offset) return out;
  const auto rows = out.cache->facts().rows.value_or(0);
  const bool ring = class_text == "RotatingKVCache";
  if (*offset < 0 || (*offset > rows && !ring)) {
    report("KV424", where, fmt::format("{}.{}", path, shape->arrays),
           fmt::format("offset {} is outside the {} rows", *offset, rows));
    out.decoded = false;
    out.cache = std::make_unique<OpaqueCache>(OpaqueCache::State{class_text, {}, "its offset is outside its rows"});
    return out;
  }
  if (*offset < rows) out.cache = cut_padding(std::move(out.cache), *offset);
  return out;
}

void ProvisionalDecoder::run() {
  read_sections();
  read_table();
  check_layer_count(classes_.size());
  std::vector<bool> unused;
  for (const auto& [index, class_text] : classes_) {
    const std::string where = layer_where(index);
    const auto tree = arrays_.children.find(index);
    LayerOutput out;
    if (tree == arrays_.children.end()) {
      report("KV302", where, fmt::format("1.{}", index), fmt::format("{} has no arrays", printable(class_text)));
      out = opaque(class_text, "it has no arrays");
    } else {
      out = layer(where, std::to_string(index), class_text, tree->second, 0);
    }
    out.eras = EraSet{Era::P5};
    out.evidence = {"class names in section 1, a table of leaves in section 2 (provisional)"};
    unused.push_back(false);
    add_layer(document_, class_text, std::move(out));
  }
  for (const auto& [index, tree] : arrays_.children)
    if (!classes_.contains(index))
      report("KV204", layer_where(index), std::to_string(index), fmt::format("arrays of layer {}, which has no class", index));
  detect_eras(document_, unused);
}

// "N.0" or "N.1", whether or not row 0, the sentinel, is there.
bool is_table_key(std::string_view path) {
  return (path.ends_with(".0") || path.ends_with(".1")) && parse_index(path.substr(0, path.size() - 2));
}

}  // namespace

bool is_provisional(const Header& header) {
  bool classes = false;
  for (auto it = header.metadata.lower_bound("1."); it != header.metadata.end() && it->first.starts_with("1."); ++it)
    classes = classes || parse_index(std::string_view(it->first).substr(2));
  if (!classes) return false;
  bool table = false;
  for (auto it = header.metadata.lower_bound("2."); it != header.metadata.end() && it->first.starts_with("2."); ++it) {
    if (parse_index(std::string_view(it->first).substr(2))) return false;  // a class list: user metadata only looks like one
    table = table || is_table_key(std::string_view(it->first).substr(2));
  }
  return table;
}

void decode_provisional(Document& document) {
  ProvisionalDecoder(document).run();
}

}  // namespace kvcache::detail

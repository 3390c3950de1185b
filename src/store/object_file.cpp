#include "store/object_file.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "common/hex.h"
#include "common/utc_text.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/format.h"
#include "kvcache/stamp.h"
#include "safetensors/late_header.h"
#include "stamp/passing_checksums.h"
#include "store/canonical.h"
#include "store/planes.h"
#include "store/state.h"

namespace kvcache::store::detail {
namespace {

using Json = nlohmann::json;
using kvcache::detail::from_hex;
using kvcache::detail::to_hex;

// The era whose files hold plain and quantized rows, and any arrays, with the fewest words, and that every version of this tool
// reads. Objects are no interchange files: what a runtime loads is written by get.
constexpr Era object_era = Era::P3;
// As user metadata are written in that era.
const std::string object_stamp_key = "1." + std::string(stamp_key);

/// An ArraysCache, whose slots may have any shape but for their first axis.
std::unique_ptr<Cache> as_slots(const std::vector<Tensor>& arrays) {
  ArraysCache::State state;
  for (const Tensor& array : arrays) {
    if (!array.defined()) continue;
    Shape shape = array.shape();
    if (shape.empty() || shape.front() != 1) shape.insert(shape.begin(), 1);
    state.slots.push_back(array.reshape(shape));
  }
  return std::make_unique<ArraysCache>(std::move(state));
}

std::unique_ptr<Cache> as_rows(const Spec& spec, const std::vector<Tensor>& arrays) {
  if (arrays.size() == 2) return std::make_unique<KVCache>(KVCache::State{arrays[0], arrays[1], "KVCache"});
  QuantizedKVCache::State state;
  state.keys = {arrays[0], arrays[1], arrays[2]};
  state.values = {arrays[3], arrays[4], arrays[5]};
  state.offset = arrays[0].dim(2);
  state.bits = spec.bits;
  state.group_size = spec.group_size;
  return std::make_unique<QuantizedKVCache>(std::move(state));
}

bool any_defined(const std::vector<Tensor>& arrays) {
  return std::ranges::any_of(arrays, [](const Tensor& array) { return array.defined(); });
}

Json spans_json(const std::vector<Span>& spans) {
  Json out = Json::array();
  for (const auto& [begin, end] : spans) out.push_back({begin, end});
  return out;
}

Json extras_json(const std::vector<Extra>& extras) {
  Json out = Json::array();
  for (const Extra& extra : extras) out.push_back({extra.position, extra.length, to_hex(extra.digest)});
  return out;
}

Json states_json(const ObjectContents& contents) {
  Json out = Json::array();
  for (const ObjectPart& part : contents.parts) {
    Json one = {{"facts", Json::parse(part.facts)}, {"shapes", Json::array()}};
    for (const Tensor& array : part.arrays) one["shapes"].push_back(array.defined() ? Json(array.shape()) : Json(nullptr));
    out.push_back(std::move(one));
  }
  return out;
}

std::string tool_name() {
  return "kvcache store";
}

Stamp object_stamp(Time now) {
  Stamp stamp;
  stamp.time = time_text(now);
  stamp.tool = tool_name();
  stamp.crc32.emplace();
  return stamp;
}

}  // namespace

std::string window_group(std::size_t window) {
  return fmt::format("window{}", window);
}

std::string edge_group(std::size_t window) {
  return fmt::format("edge{}", window);
}

std::int64_t rows_in(const ObjectInfo& object) {
  std::int64_t rows = 0;
  for (const auto& [begin, end] : object.rows) rows += end - begin;
  return rows;
}

std::string object_name(const Digest& hash, std::string_view group) {
  return fmt::format("{}.{}.safetensors", hash, group);
}

std::string time_text(Time time) {
  return kvcache::detail::utc_text(time / 1'000'000);
}

std::string row_key(std::size_t part, std::size_t array, std::size_t arrays) {
  if (arrays == 2) return fmt::format("{}.{}", part, array);
  return fmt::format("{}.{}.{}", part, array / 3, array % 3);
}

ObjectFile object_file(const ObjectContents& contents, Time now, bool compress) {
  const bool state = contents.group == state_group;
  PromptCache cache;
  Json label = {{"schema", "kvcache.store-object/1"}, {"namespace", contents.node.space}, {"group", contents.group},
                {"hash", contents.node.hash},         {"parent", contents.node.parent},   {"first", contents.node.first},
                {"tail", contents.node.tail}};
  if (!contents.node.extras.empty()) label["extras"] = extras_json(contents.node.extras);
  if (!state) label["rows"] = spans_json(contents.rows);
  if (contents.node.cut) label["cut"] = *contents.node.cut;
  if (!contents.node.held.empty()) label["held"] = contents.node.held;
  if (!contents.all_ids.empty()) label["all_ids"] = contents.all_ids;

  Json planes = Json::array();
  for (std::size_t i = 0; i < contents.parts.size(); ++i) {
    const auto& arrays = contents.parts[i].arrays;
    if (state) {
      if (any_defined(arrays)) cache.layers.push_back(as_slots(arrays));
      continue;
    }
    std::optional<PackedRows> packed;
    if (compress) packed = pack_rows(arrays);
    if (packed) {
      planes.push_back(Json::parse(packed->facts));
      cache.layers.push_back(as_slots(packed->arrays));
    } else {
      planes.push_back(nullptr);
      cache.layers.push_back(as_rows(*contents.specs[i], arrays));
    }
  }
  if (std::ranges::any_of(planes, [](const Json& one) { return !one.is_null(); })) label["planes"] = std::move(planes);
  if (state) {
    label["states"] = states_json(contents);
    if (!contents.model_state.empty()) {
      std::vector<Tensor> arrays;
      for (const auto& [key, array] : contents.model_state) {
        arrays.push_back(array);
        label["model_state"].push_back({{"key", to_hex(key)}, {"shape", array.shape()}});
      }
      cache.layers.push_back(as_slots(arrays));
    }
  }

  // The ids of a block are those that its rows are of. Elsewhere they are not as many as its rows, and a stamp must not say so.
  const bool of_whole_node =
      !state && contents.rows == std::vector<Span>{{contents.node.first, contents.node.end()}} && !label.contains("planes");
  if (!of_whole_node) label["ids"] = contents.node.ids;
  cache.metadata.emplace(label_key, ascii(label));
  Encoded encoded = encode(cache, object_era);
  ObjectFile out;
  out.tensors = std::move(encoded.tensors);
  out.metadata = std::move(encoded.metadata);
  out.stamp = object_stamp(now);
  if (of_whole_node) out.stamp->tokens = stamp_tokens(contents.node.ids);
  return out;
}

std::uint64_t write_object_file(ByteSink& out, const ObjectFile& file, const WriteOptions& how) {
  if (!file.stamp) return write_safetensors(out, file.tensors, file.metadata, how);
  const auto with_stamp = [&](std::map<std::string, std::uint32_t> sums) {
    Stamp stamp = *file.stamp;
    stamp.crc32 = std::move(sums);
    Metadata metadata = file.metadata;
    metadata.emplace(object_stamp_key, to_json(stamp));
    return metadata;
  };
  kvcache::detail::PassingChecksums sums(file.tensors.size());
  std::map<std::string, std::uint32_t> zeros;
  for (const NamedTensor& named : file.tensors) zeros.insert_or_assign(named.key, 0);
  return kvcache::detail::write_with_late_header(out, file.tensors, with_stamp(std::move(zeros)), how, sums,
                                                 [&] { return with_stamp(sums.by_key(file.tensors)); });
}

ObjectFile label_file(const std::string& label, Time now) {
  PromptCache cache;
  cache.layers.push_back(std::make_unique<KVCache>());  // never used: without any layer it would be no prompt cache
  cache.metadata.emplace(label_key, label);
  cache.metadata.emplace(stamp_key, to_json(object_stamp(now)));
  Encoded encoded = encode(cache, Era::P5);
  return {std::move(encoded.tensors), std::move(encoded.metadata), {}};
}

std::uint64_t most_header_bytes(const ObjectContents& contents) {
  constexpr std::uint64_t fixed = 1280;    // label and stamp
  constexpr std::uint64_t of_array = 192;  // its entry, its checksum, its shape or planes
  constexpr std::uint64_t of_id = 12;
  std::uint64_t arrays = contents.model_state.size();
  std::uint64_t facts = 0;
  for (const ObjectPart& part : contents.parts) {
    arrays += part.arrays.size();
    facts += part.facts.size();
  }
  for (const auto& [key, array] : contents.model_state) facts += 2 * key.size();
  for (const Extra& extra : contents.node.extras) facts += 2 * extra.digest.size() + 64;
  // Text in text: a quotation mark takes three more.
  return fixed + of_array * arrays + of_id * (contents.node.ids.size() + contents.all_ids.size()) + 2 * facts;
}

std::uint64_t most_label_bytes(const std::string& label) {
  return 2048 + 2 * label.size();
}

StoredObject::StoredObject(std::shared_ptr<const ByteSource> source, const std::string& name)
    : file_(SafetensorsFile::open(std::move(source))), name_(name) {
  const Metadata& metadata = file_.header().metadata;
  for (const char* const section : {"1.", "0."})
    if (const auto found = metadata.find(section + std::string(label_key)); found != metadata.end()) label_ = found->second;
  if (label_.empty()) unreadable("it does not say what it is");
  if (!file_.header().defects.empty()) unreadable(file_.header().defects.front().message);
  if (label_.find("\"planes\"") == std::string::npos) return;
  const Json label = Json::parse(label_, nullptr, false);
  if (!label.is_object() || !label.contains("planes") || !label["planes"].is_array()) return;
  for (const Json& part : label["planes"]) planes_.push_back(part.is_null() ? std::string() : part.dump());
}

void StoredObject::unreadable(const std::string& what) const {
  throw Error(ErrorKind::unreadable, fmt::format("object {}: {}", name_.substr(0, 12), what),
              Remedy(Remedy::Action::store, {{"verb", "check"}, {"data", ""}, {"repair", ""}}) + " removes what is damaged");
}

Tensor StoredObject::array(const std::string& key) const {
  const TensorEntry* entry = file_.header().find(key);
  if (entry == nullptr) unreadable(fmt::format("there is no array {}", key));
  return file_.tensor(*entry);
}

Tensor StoredObject::rows(std::size_t part, std::size_t array, std::size_t arrays, const RowArray& expected,
                          std::int64_t rows) const {
  const Shape shape{1, expected.heads, rows, expected.dim};
  if (part < planes_.size() && !planes_[part].empty()) {
    const std::size_t slots = packed_slots(planes_[part]);
    std::vector<Tensor> stored;
    for (std::size_t i = 0; i < slots; ++i) stored.push_back(this->array(fmt::format("{}.{}", part, i)));
    return unpack_rows(planes_[part], stored, array, expected.dtype, shape);
  }
  Tensor tensor = this->array(row_key(part, array, arrays));
  if (tensor.dtype() != expected.dtype || tensor.shape() != shape)
    unreadable(fmt::format("array {} is {} {} instead of {} {}", row_key(part, array, arrays), name(tensor.dtype()),
                           to_string(tensor.shape()), name(expected.dtype), to_string(shape)));
  return tensor;
}

std::vector<ObjectPart> StoredObject::states() const {
  std::vector<ObjectPart> out;
  try {
    const Json label = Json::parse(label_);
    std::size_t layer = 0;
    const auto take = [&](const Json& shapes) {
      std::vector<Tensor> arrays;
      std::size_t slot = 0;
      for (const Json& shape : shapes) {
        if (shape.is_null()) {
          arrays.emplace_back();
          continue;
        }
        const Tensor stored = array(fmt::format("{}.{}", layer, slot++));
        const auto wanted = shape.get<Shape>();
        const auto count = element_count(wanted);
        if (!count || *count != stored.elements()) unreadable("a state of another shape");
        arrays.push_back(stored.reshape(wanted));
      }
      if (slot > 0) ++layer;
      return arrays;
    };
    for (const Json& one : label.at("states")) {
      ObjectPart part;
      part.facts = one.at("facts").dump();
      part.arrays = take(one.at("shapes"));
      out.push_back(std::move(part));
    }
    if (label.contains("model_state")) {
      Json shapes = Json::array();
      for (const Json& one : label["model_state"]) shapes.push_back(one.at("shape"));
      ObjectPart part;
      part.arrays = take(shapes);
      out.push_back(std::move(part));
    }
  } catch (const Json::exception&) {
    unreadable("what it says about itself is not readable");
  }
  return out;
}

LabelledNode node_of(const StoredObject& object) {
  LabelledNode out;
  try {
    const Json label = Json::parse(object.label());
    out.space = label.at("namespace");
    out.group = label.at("group");
    Node& node = out.node;
    node.space = out.space;
    node.hash = label.at("hash");
    node.parent = label.at("parent");
    node.first = label.at("first");
    node.tail = label.at("tail");
    for (const Json& extra : label.value("extras", Json::array()))
      node.extras.push_back({extra.at(0), extra.at(1), from_hex(extra.at(2).get<std::string>())});
    for (const Json& span : label.value("rows", Json::array())) out.rows.emplace_back(span.at(0), span.at(1));
    if (label.contains("cut")) node.cut = label["cut"].get<std::int64_t>();
    if (label.contains("held")) node.held = label["held"].get<std::vector<std::int64_t>>();
    if (label.contains("all_ids")) out.all_ids = label["all_ids"].get<TokenIds>();
    if (label.contains("ids")) {
      node.ids = label["ids"].get<TokenIds>();
    } else {
      const Metadata& metadata = object.file().header().metadata;
      const auto stamp = metadata.find("1." + std::string(stamp_key));
      if (stamp != metadata.end())
        if (const Stamp parsed = parse_stamp(stamp->second); parsed.tokens && parsed.tokens->ids)
          node.ids = *parsed.tokens->ids;
    }
  } catch (const Json::exception&) {
    throw Error(ErrorKind::unreadable, "what it says about itself is not readable");
  }
  if (out.node.ids.empty() && !out.node.tail && out.group != state_group)
    throw Error(ErrorKind::unreadable, "it does not say which tokens it is of");
  return out;
}

}  // namespace kvcache::store::detail

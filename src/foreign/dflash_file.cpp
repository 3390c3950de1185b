#include "foreign/dflash_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "cache/axes.h"
#include "foreign/header_fields.h"
#include "foreign/unreadable.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

using kvcache::detail::row_axis;

using Json = nlohmann::json;

constexpr std::string_view meta_key = "dflash_meta";
constexpr std::int64_t oldest_schema = 1;
constexpr std::int64_t newest_schema = 4;
constexpr std::size_t most_dflash_layers = 65536;

/// Fields of the metadata, of the types that they have to have.
class Fields {
 public:
  explicit Fields(const Json& json) : json_(json) {}

  [[nodiscard]] std::int64_t integer(const char* name, std::optional<std::int64_t> otherwise = {}) const {
    const auto it = json_.find(name);
    if (it == json_.end() || it->is_null()) {
      if (otherwise) return *otherwise;
      unreadable(fmt::format("its metadata have no {}", name));
    }
    if (!it->is_number_integer()) unreadable(fmt::format("its metadata: {} is no integer", name));
    return it->get<std::int64_t>();
  }
  [[nodiscard]] std::string text(const char* name) const {
    const auto it = json_.find(name);
    if (it == json_.end() || !it->is_string()) unreadable(fmt::format("its metadata have no {}", name));
    return it->get<std::string>();
  }
  [[nodiscard]] const Json& list(const char* name) const {
    const auto it = json_.find(name);
    if (it == json_.end() || !it->is_array()) unreadable(fmt::format("its metadata have no list {}", name));
    if (it->size() > max_listed) unreadable(fmt::format("its metadata: {} has {} entries", name, it->size()));
    return *it;
  }
  [[nodiscard]] std::vector<bool> flags(const char* name) const { return flags_of(list(name), name); }
  /// {"3": 40}
  [[nodiscard]] std::optional<std::int64_t> of_layer(const char* name, std::size_t layer) const {
    const auto it = json_.find(name);
    if (it == json_.end() || !it->is_object()) return std::nullopt;
    const auto value = it->find(std::to_string(layer));
    if (value == it->end()) return std::nullopt;
    if (!value->is_number_integer()) unreadable(fmt::format("its metadata: {} of layer {} is no integer", name, layer));
    return value->get<std::int64_t>();
  }
  [[nodiscard]] static std::vector<bool> flags_of(const Json& json, const char* name) {
    std::vector<bool> out;
    for (const Json& flag : json) {
      if (!flag.is_boolean()) unreadable(fmt::format("its metadata: {} holds something else than true and false", name));
      out.push_back(flag.get<bool>());
    }
    return out;
  }
  [[nodiscard]] bool has(const char* name) const { return json_.contains(name); }
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  static constexpr std::size_t max_listed = std::size_t{1} << 26U;
  const Json& json_;
};

std::vector<std::int32_t> token_ids(const Fields& fields) {
  std::vector<std::int32_t> ids;
  for (const Json& id : fields.list("token_ids")) {
    const std::int64_t value = id.is_number_integer() ? id.get<std::int64_t>() : -1;
    if (value < 0 || value > max_dim) unreadable("its metadata: a token id is none");
    ids.push_back(static_cast<std::int32_t>(value));
  }
  if (ids.empty()) unreadable("it has no tokens");
  return ids;
}

/// Which slots of each recurrent layer are set: "gdn_array_present", and "sidecar_" before it.
std::vector<std::vector<bool>> slots_of(const Fields& fields, const std::string& prefix, std::size_t layers) {
  const std::string name = prefix + "gdn_array_present";
  std::vector<std::vector<bool>> out;
  for (const Json& layer : fields.list(name.c_str())) {
    if (!layer.is_array()) unreadable(fmt::format("its metadata: {} is no list of lists", name));
    out.push_back(Fields::flags_of(layer, name.c_str()));
  }
  if (out.size() != layers) unreadable(fmt::format("its metadata: {} is of {} layers, not of {}", name, out.size(), layers));
  return out;
}

void read_layers(const Fields& fields, DflashSnapshot& snapshot) {
  const std::vector<bool> attention = fields.flags("fa_present");
  const std::vector<bool> recurrent = fields.flags("gdn_present");
  const std::size_t n = attention.size();
  if (n == 0 || n > most_dflash_layers || recurrent.size() != n)
    unreadable(fmt::format("its metadata tell of {} and of {} layers", n, recurrent.size()));
  const std::vector<std::vector<bool>> slots = slots_of(fields, "", n);
  std::vector<std::vector<bool>> sidecar(n);
  if (snapshot.sidecar_boundary > 0) sidecar = slots_of(fields, "sidecar_", n);
  for (std::size_t i = 0; i < n; ++i) {
    if (attention[i] == recurrent[i]) unreadable(fmt::format("layer {} is to have both kinds of cache, or none", i));
    DflashSnapshot::Layer layer;
    layer.attention = attention[i];
    if (layer.attention) {
      const std::optional<std::int64_t> offset = fields.of_layer("fa_offsets", i);
      if (!offset) unreadable(fmt::format("layer {}: its offset is not stored", i));
      layer.offset = *offset;
      layer.idx = fields.of_layer("fa_indices", i);
    } else {
      layer.slots = slots[i];
      layer.sidecar_slots = sidecar[i];
    }
    snapshot.layers.push_back(std::move(layer));
  }
}

std::unique_ptr<Cache> slots(const SafetensorsFile& file, const std::vector<bool>& set, const std::string& prefix,
                             std::size_t layer) {
  ArraysCache::State state;
  for (std::size_t j = 0; j < set.size(); ++j)
    state.slots.push_back(set[j] ? array(file, fmt::format("{}gdn_{}_{}", prefix, layer, j)) : Tensor());
  return std::make_unique<ArraysCache>(std::move(state));
}

/// A ring as it was stored.
struct Ring {
  std::int64_t rows = 0;
  std::int64_t offset = 0;
  std::int64_t idx = 0;
  [[nodiscard]] bool evicted() const { return offset > rows; }
  /// The newest token is not in the last row: it was written over another one.
  [[nodiscard]] bool written_in_place() const { return offset >= rows && idx != rows; }
};

std::optional<Ring> ring_of(const DflashSnapshot& snapshot, std::size_t layer) {
  if (layer >= snapshot.layers.size() || !snapshot.layers[layer].idx) return std::nullopt;
  const TensorEntry* keys = snapshot.file.header().find(fmt::format("fa_{}_k", layer));
  if (keys == nullptr || keys->shape.size() != 4) return std::nullopt;
  return Ring{keys->shape[row_axis], snapshot.layers[layer].offset, *snapshot.layers[layer].idx};
}

/// Every layer sees the same updates: where one ring was written in place last, all full ones were.
bool last_written_in_place(const DflashSnapshot& snapshot) {
  for (std::size_t i = 0; i < snapshot.layers.size(); ++i)
    if (const std::optional<Ring> ring = ring_of(snapshot, i); ring && ring->written_in_place()) return true;
  return false;
}

std::optional<std::int64_t> proven_max_size(std::span<const DflashSnapshot* const> snapshots, std::size_t layer) {
  std::optional<std::int64_t> size;
  for (const DflashSnapshot* snapshot : snapshots) {
    const std::optional<Ring> ring = ring_of(*snapshot, layer);
    if (!ring || ring->rows < 2) continue;
    const bool exact = ring->written_in_place() || (ring->evicted() && last_written_in_place(*snapshot));
    if (!exact) continue;
    if (size && *size != ring->rows) return std::nullopt;
    size = ring->rows;
  }
  return size;
}

bool same_row(const Tensor& a, const Tensor& b, std::int64_t row) {
  const Tensor one = a.slice(row_axis, row, row + 1);
  const Tensor other = b.slice(row_axis, row, row + 1);
  if (one.nbytes() != other.nbytes() || one.nbytes() > (1U << 24U)) return false;
  std::vector<std::byte> x(static_cast<std::size_t>(one.nbytes()));
  std::vector<std::byte> y(x.size());
  one.read(0, x);
  other.read(0, y);
  return x == y;
}

/// Rows at the front that both have, up to `most`.
std::int64_t common_rows(const Tensor& a, const Tensor& b, std::int64_t most) {
  const std::int64_t n = std::min({a.dim(row_axis), b.dim(row_axis), most});
  std::int64_t common = 0;
  while (common < n && same_row(a, b, common)) ++common;
  return common;
}

bool is_shorter_prefix(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  return a.size() < b.size() && std::equal(a.begin(), a.end(), b.begin());
}

std::optional<std::int64_t> proven_keep(std::span<const DflashSnapshot* const> snapshots, std::size_t layer,
                                        std::int64_t max_size) {
  std::optional<std::int64_t> keep;
  for (const DflashSnapshot* early : snapshots)
    for (const DflashSnapshot* late : snapshots) {
      const std::optional<Ring> before = ring_of(*early, layer);
      const std::optional<Ring> after = ring_of(*late, layer);
      if (!before || !after || !after->evicted() || !is_shorter_prefix(early->ids, late->ids)) continue;
      // Between the two, every row that is not pinned has got another token.
      if (before->evicted() && after->offset - before->offset < max_size) continue;
      const std::int64_t common = common_rows(early->ring_keys(layer), late->ring_keys(layer), max_size);
      if (common >= std::min(max_size, before->offset)) continue;
      if (keep && *keep != common) return std::nullopt;
      keep = common;
    }
  return keep;
}

}  // namespace

bool DflashSnapshot::has_windows() const {
  return std::ranges::any_of(layers, [](const Layer& layer) { return layer.idx.has_value(); });
}

std::vector<std::string> DflashSnapshot::draft_arrays() const {
  std::vector<std::string> out;
  for (const TensorEntry& entry : file.header().tensors)
    if (entry.key.starts_with("target_hidden_") || entry.key.ends_with("last_logits")) out.push_back(entry.key);
  return out;
}

Tensor DflashSnapshot::ring_keys(std::size_t layer) const {
  return array(file, fmt::format("fa_{}_k", layer));
}

std::vector<std::unique_ptr<Cache>> DflashSnapshot::restore(std::int64_t tokens,
                                                            std::span<const std::optional<WindowSize>> windows) const {
  const auto all = static_cast<std::int64_t>(ids.size());
  const bool boundary = tokens != all;
  if (boundary && (tokens != sidecar_boundary || tokens < 1 || tokens > all))
    throw Error(ErrorKind::impossible, fmt::format("a snapshot of {} tokens cannot be restored at {}", all, tokens));
  std::vector<std::unique_ptr<Cache>> out;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const LayerPlace place{fmt::format("layer {}", i)};
    if (!layer.attention) {
      out.push_back(boundary ? slots(file, layer.sidecar_slots, "sidecar_", i) : slots(file, layer.slots, "", i));
      continue;
    }
    if (layer.offset != all)
      unreadable(fmt::format("{}: its offset is {}, but the snapshot has {} tokens", place.name, layer.offset, all));
    const Tensor keys = array(file, fmt::format("fa_{}_k", i));
    const Tensor values = array(file, fmt::format("fa_{}_v", i));
    if (!layer.idx) {
      out.push_back(plain_layer(place, keys, values, all));
      if (boundary) out.back()->trim_to(tokens);
      continue;
    }
    if (boundary)
      throw Error(ErrorKind::impossible, fmt::format("{}: a window cannot go back to {} tokens", place.name, tokens));
    if (i >= windows.size() || !windows[i])
      throw Error(
          ErrorKind::impossible,
          fmt::format("{}: the size of its window is not stored, and no snapshot beside this one shows it", place.name));
    out.push_back(ring_layer(place, keys, values, {windows[i]->keep, windows[i]->max_size, layer.offset, *layer.idx}));
  }
  return out;
}

bool is_dflash_snapshot(const Header& header) {
  return header.metadata.contains(std::string(meta_key));
}

DflashSnapshot read_dflash_snapshot(SafetensorsFile file) {
  const auto it = file.header().metadata.find(std::string(meta_key));
  if (it == file.header().metadata.end()) unreadable("no snapshot of dflash-mlx");
  const Json json = Json::parse(it->second, nullptr, false);
  if (!json.is_object()) unreadable(fmt::format("metadata '{}' are no JSON object", meta_key));
  const Fields fields(json);
  DflashSnapshot snapshot;
  snapshot.schema = fields.integer("schema_version");
  if (snapshot.schema < oldest_schema || snapshot.schema > newest_schema)
    unreadable(fmt::format("schema {} of dflash-mlx is not known here", snapshot.schema), "KV123");
  snapshot.runtime = fields.text("runtime_version");
  const auto key = json.find("key");
  if (key == json.end() || !key->is_object()) unreadable("its metadata have no key");
  snapshot.key = key->dump(-1, ' ', true, Json::error_handler_t::replace);
  snapshot.target = Fields(*key).text("target_model_id");
  snapshot.draft = Fields(*key).text("draft_model_id");
  snapshot.kind = fields.text("kind");
  if (snapshot.kind != "prefill" && snapshot.kind != "generation")
    unreadable(fmt::format("a snapshot of kind '{}'", printable(snapshot.kind)), "KV123");
  snapshot.ids = token_ids(fields);
  const auto logits = json.find("has_last_logits");
  snapshot.has_last_logits = logits != json.end() && logits->is_boolean() && logits->get<bool>();
  snapshot.sidecar_boundary = fields.integer("sidecar_boundary", 0);
  if (snapshot.sidecar_boundary < 0 || snapshot.sidecar_boundary > static_cast<std::int64_t>(snapshot.ids.size()))
    unreadable(fmt::format("its sidecar is at {} of {} tokens", snapshot.sidecar_boundary, snapshot.ids.size()));
  read_layers(fields, snapshot);
  snapshot.file = std::move(file);
  return snapshot;
}

std::vector<std::optional<WindowSize>> proven_windows(std::span<const DflashSnapshot* const> snapshots) {
  std::size_t layers = 0;
  for (const DflashSnapshot* snapshot : snapshots) layers = std::max(layers, snapshot->layers.size());
  std::vector<std::optional<WindowSize>> out(layers);
  for (std::size_t i = 0; i < layers; ++i) {
    const std::optional<std::int64_t> size = proven_max_size(snapshots, i);
    if (!size) continue;
    if (const std::optional<std::int64_t> keep = proven_keep(snapshots, i, *size)) out[i] = WindowSize{*size, *keep};
  }
  return out;
}

}  // namespace kvcache::foreign

#include "foreign/ssd_tier/ssd_entry.h"

#include <fmt/format.h>

#include <algorithm>

#include "foreign/file_names.h"
#include "foreign/json_text.h"
#include "foreign/lazy_file.h"
#include "foreign/little_endian.h"
#include "foreign/sqlite_rows.h"
#include "foreign/stored_layers.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "kvcache/quantize.h"
#include "kvcache/sha256.h"

namespace kvcache::foreign::ssd {
namespace {

constexpr std::int64_t known_schema = 1;  // of index.db

[[noreturn]] void refuse_entry(const std::string& why) {
  throw Error(ErrorKind::unreadable, why, {}, "KV907");
}

std::string_view name_in_words(Dtype dtype) {
  if (dtype == Dtype::BF16) return "bfloat16";
  return dtype == Dtype::F16 ? "float16" : "float32";
}

std::string text_of(const SqliteValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string() : *text;
}

/// Files of one layer.
class LayerFile {
 public:
  LayerFile(const std::string& folder, std::size_t index)
      : name_(fmt::format("layer_{}", index)), file_(LazyFile::open(fmt::format("{}/{}.safetensors", folder, name_))) {}

  [[nodiscard]] Tensor array(const std::string& what) const {
    const TensorEntry* entry = file_.header().find(fmt::format("{}_{}", name_, what));
    if (entry == nullptr) refuse_entry(fmt::format("{} has no {}", name_, what));
    return file_.tensor(*entry);
  }

 private:
  std::string name_;
  LazyFile file_;
};

/// "bfloat16", and "mlx.core.bfloat16" as MLX itself writes it.
std::optional<Dtype> dtype_called(std::string_view name) {
  constexpr std::string_view module = "mlx.core.";
  if (name.starts_with(module)) name.remove_prefix(module.size());
  if (name == "bfloat16") return Dtype::BF16;
  if (name == "float16") return Dtype::F16;
  if (name == "float32") return Dtype::F32;
  return std::nullopt;
}

/// numpy knows no bfloat16: it was made float32; whatever had been through a quantizer was made float16. Back to what it was.
Tensor as_original(const Tensor& stored, const std::string& original, const std::string& where,
                   std::vector<std::string>& losses) {
  if (original.empty()) return stored;
  const std::optional<Dtype> dtype = dtype_called(original);
  if (!dtype) refuse_entry(fmt::format("{}: it was {}, which is not known here", where, printable(original)));
  if (stored.dtype() == *dtype) return stored;
  if (!is_float(stored.dtype())) refuse_entry(fmt::format("{}: {} was {}", where, name(stored.dtype()), printable(original)));
  // As float32 every value is there.
  if (stored.dtype() != Dtype::F32) {
    const std::string loss =
        fmt::format("{} was stored as {}: its smallest values were rounded, and they come from a quantizer",
                    name_in_words(*dtype), name_in_words(stored.dtype()));
    if (std::ranges::find(losses, loss) == losses.end()) losses.push_back(loss);
  }
  CastOptions how;
  how.label = where;
  how.allow_overflow = true;  // an infinity is what was stored
  return cast(stored, *dtype, how);
}

std::int64_t number(const Json& layer, std::string_view key, const std::string& where) {
  const auto value = integer_member(layer, key);
  if (!value) refuse_entry(fmt::format("{}: the manifest has no {}", where, key));
  return *value;
}

std::unique_ptr<Cache> read_layer(const std::string& folder, const Json& layer, std::size_t index,
                                  std::vector<std::string>& losses) {
  const std::string where = fmt::format("layer {}", index);
  const std::string type = text_member(layer, "layer_type").value_or("");
  if (const auto at = integer_member(layer, "layer_idx"); at && *at != static_cast<std::int64_t>(index))
    refuse_entry(fmt::format("{} is layer {} in the manifest", where, *at));
  if (type == "ArraysCache") {
    const LayerFile file(folder, index);
    constexpr std::int64_t most_slots = 4096;
    const std::int64_t slots = number(layer, "num_arrays", where);
    if (slots < 0 || slots > most_slots) refuse_entry(fmt::format("{} has {} slots", where, slots));
    const Json* dtypes = array_member(layer, "state_original_dtypes");
    ArraysCache::State state;
    for (std::int64_t k = 0; k < slots; ++k) {
      std::string original;
      if (dtypes != nullptr && static_cast<std::size_t>(k) < dtypes->size() &&
          (*dtypes)[static_cast<std::size_t>(k)].is_string())
        original = (*dtypes)[static_cast<std::size_t>(k)].get<std::string>();
      state.slots.push_back(
          as_original(file.array(fmt::format("state_{}", k)), original, fmt::format("{} slot {}", where, k), losses));
    }
    return std::make_unique<ArraysCache>(std::move(state));
  }
  if (type != "KVCache") refuse_entry(fmt::format("{} is of type '{}', which is not known here", where, printable(type)));
  const LayerFile file(folder, index);
  const Tensor keys =
      as_original(file.array("keys"), text_member(layer, "keys_original_dtype").value_or(""), where + " keys", losses);
  const Tensor values =
      as_original(file.array("values"), text_member(layer, "values_original_dtype").value_or(""), where + " values", losses);
  const std::int64_t offset = number(layer, "offset", where);
  // The server takes a window for a plain cache when it reads it back. It is one where it has a size.
  if (!integer_member(layer, "max_size")) return plain_layer({where}, keys, values, offset);
  RingFields fields;
  fields.max_size = number(layer, "max_size", where);
  fields.keep = number(layer, "keep", where);
  fields.idx = number(layer, "_idx", where);
  fields.offset = offset;
  return ring_layer({where}, keys, values, fields);
}

}  // namespace

std::string token_hash(std::span<const std::int32_t> ids) {
  return kvcache::sha256(ids_le<std::int32_t>(ids));
}

void require_known_schema(const std::string& index) {
  bool told = false;
  each_row(index, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
           [&told](const std::vector<SqliteValue>&) { told = true; });
  if (!told) return;
  each_row(index, "SELECT version FROM schema_version", [](const std::vector<SqliteValue>& values) {
    const auto* version = std::get_if<std::int64_t>(&values[0]);
    if (version == nullptr || *version != known_schema)
      throw Error(ErrorKind::unreadable,
                  fmt::format("an index of schema {}, and {} is known here", version == nullptr ? 0 : *version, known_schema),
                  {}, "KV902");
  });
}

std::vector<Row> read_rows(const std::string& folder) {
  std::vector<Row> out;
  require_known_schema(folder + "/index.db");
  each_row(folder + "/index.db", "SELECT token_hash, tokens_blob, num_tokens, file_path FROM entries ORDER BY token_hash",
           [&](const std::vector<SqliteValue>& values) {
             Row row;
             row.hash = text_of(values[0]);
             row.folder = text_of(values[3]);
             const std::string blob = text_of(values[1]);
             const auto* tokens = std::get_if<std::int64_t>(&values[2]);
             row.num_tokens = tokens == nullptr ? -1 : *tokens;
             // The path is the hash: anything else could lead out of the folder.
             if (!is_hex(row.folder, hash_digits))
               row.problem = "its path is no hash: it may lead out of the folder";
             else if (blob.size() % 4 != 0 || static_cast<std::int64_t>(blob.size() / 4) != row.num_tokens)
               row.problem = fmt::format("{} bytes are not {} ids", blob.size(), row.num_tokens);
             else if (kvcache::sha256(blob) != row.hash)
               row.problem = "the ids have another hash than the entry";
             if (row.problem.empty())
               for (std::size_t at = 0; at < blob.size(); at += 4) row.ids.push_back(read_le<std::int32_t>(blob, at));
             out.push_back(std::move(row));
           });
  return out;
}

SsdEntry read_entry(const std::string& folder, std::string_view manifest) {
  const Json json = parse_json(manifest, "manifest.json");
  const Json* layers = array_member(json, "layers");
  const auto count = integer_member(json, "num_layers");
  const auto tokens = integer_member(json, "num_tokens");
  if (layers == nullptr || !count || !tokens || *count != static_cast<std::int64_t>(layers->size()) || layers->empty())
    refuse_entry("manifest.json has not its number of layers or tokens");
  SsdEntry out;
  out.num_tokens = *tokens;
  for (std::size_t i = 0; i < layers->size(); ++i) out.cache.layers.push_back(read_layer(folder, (*layers)[i], i, out.losses));
  return out;
}

}  // namespace kvcache::foreign::ssd

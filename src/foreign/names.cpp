#include "foreign/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "foreign/little_endian.h"
#include "kvcache/sha256.h"

namespace kvcache::foreign {
namespace {

/// FNV-1a as that project has it: whole 64-bit words are mixed in, not bytes, but for those of a text.
class WordHash {
 public:
  void add(std::uint64_t word) { hash_ = (hash_ ^ word) * 0x100000001b3U; }
  void add(std::string_view text) {
    for (const char c : text) add(std::uint64_t{static_cast<unsigned char>(c)});
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

/// "[1,2,3]", as json.dumps with the shortest separators writes it.
std::string json_list(std::span<const std::int32_t> ids) {
  std::string out = "[";
  for (const std::int32_t id : ids) {
    if (out.size() > 1) out += ',';
    out += fmt::format_int(id).c_str();
  }
  return out + ']';
}

/// "(1, 2, 3)", "(7,)": how Python writes a tuple.
std::string tuple_text(std::span<const std::int32_t> ids) {
  std::string out = "(";
  for (const std::int32_t id : ids) {
    if (out.size() > 1) out += ", ";
    out += fmt::format_int(id).c_str();
  }
  return out + (ids.size() == 1 ? ",)" : ")");
}

}  // namespace

std::string dflash_runtime_folder(std::int64_t schema, std::string_view version) {
  return sha256(fmt::format("schema={}|dflash={}", schema, version)).substr(0, 16);
}

std::string dflash_token_hash(std::span<const std::int32_t> ids) {
  return sha256(ids_le<std::int64_t>(ids)).substr(0, 16);
}

std::string mlxpc_block_hash(std::string_view signature, std::string_view parent, std::span<const std::int32_t> ids) {
  std::string text(signature);
  text += parent.empty() ? std::string_view("mlx-prompt-cache-root") : parent;
  return sha256(text + ids_le<std::int32_t>(ids));
}

std::string prefix_folder_name(std::string_view model, std::uint64_t layers, std::uint64_t head_dim,
                               std::optional<std::uint64_t> bits, std::span<const std::int32_t> ids) {
  WordHash hash;
  hash.add(model);
  hash.add(layers);
  hash.add(head_dim);
  hash.add(bits.value_or(0xFFFF));
  hash.add(std::uint64_t{ids.size()});
  for (const std::int32_t id : ids.first(std::min<std::size_t>(ids.size(), 16)))
    hash.add(static_cast<std::uint64_t>(static_cast<std::int64_t>(id)));
  return fmt::format("{:016x}", hash.value());
}

std::string vmlx_swift_stem(std::string_view model_key, std::string_view media_salt, std::span<const std::int32_t> ids) {
  std::string text(model_key);
  if (!media_salt.empty()) text += fmt::format("|media:{}", media_salt);
  return sha256(text + ids_le<std::int64_t>(ids)).substr(0, 32);
}

std::string vmlx_prompt_hash(std::span<const std::int32_t> ids) {
  return sha256(json_list(ids));
}

std::string vmlx_block_hash(std::string_view parent, std::span<const std::int32_t> ids) {
  return sha256((parent.empty() ? std::string("vmlx-engine-root") : from_hex(parent)) + tuple_text(ids));
}

std::string mlx_lm_1218_stem(std::span<const std::int32_t> ids) {
  return sha256(ids_le<std::int32_t>(ids)).substr(0, 16);
}

std::string slotstream_stem(std::string_view identity, std::span<const std::int32_t> ids) {
  return sha256(std::string(identity) + ids_le<std::int64_t>(ids)).substr(0, 40);
}

}  // namespace kvcache::foreign

#include "foreign/omlx/tokens_file.h"

#include <fmt/format.h>

#include "foreign/file_names.h"
#include "foreign/little_endian.h"
#include "foreign/omlx/block_hash.h"
#include "foreign/unreadable.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign::omlx {
TokensFile parse_tokens_file(std::string_view json, std::string_view stem) {
  const Json object = parse_json(json, "the file");
  TokensFile out;
  const auto version = integer_member(object, "format_version");
  if (!version) unreadable("it does not say that it holds the ids of a block");
  if (*version != 1) unreadable(fmt::format("ids in format {}, and 1 is known here", *version), "KV902");
  out.hash = text_member(object, "block_hash").value_or("");
  if (out.hash != stem) unreadable(fmt::format("it is of block {}", printable(out.hash, 16)), "KV901");
  out.parent = text_member(object, "parent_hash").value_or("");
  if (!out.parent.empty() && !is_hex(out.parent, hash_digits)) unreadable("parent_hash is no hash");
  out.model = text_member(object, "model").value_or("");
  out.token_start = integer_member(object, "token_start").value_or(0);
  const Json* ids = array_member(object, "token_ids");
  const auto list = ids == nullptr ? std::nullopt : ids_of(*ids);
  if (!list || list->empty()) unreadable("token_ids is no list of ids");
  out.ids = *list;
  if (const auto count = integer_member(object, "token_count"); count && *count != static_cast<std::int64_t>(out.ids.size()))
    unreadable(fmt::format("token_count is {}, and there are {} ids", *count, out.ids.size()), "KV908");
  if (const Json* media = array_member(object, "media"))
    for (const Json& image : *media)
      if (const auto print = text_member(image, "fingerprint")) out.media.push_back(*print);
  return out;
}

std::optional<std::vector<std::string>> proving_keys(const TokensFile& file, std::span<const std::string> keys_before) {
  std::vector<std::vector<std::string>> candidates;
  candidates.emplace_back(keys_before.begin(), keys_before.end());
  candidates.emplace_back();
  candidates.push_back({std::string(terminal_key)});
  // A block takes the keys of the last range that begins before its end; the digest alone is the key.
  constexpr std::string_view prefix = "sha256:";
  std::vector<std::string> all;
  for (const std::string& print : file.media) {
    const std::string key = print.starts_with(prefix) ? print.substr(prefix.size()) : print;
    all.push_back(key);
    candidates.push_back({key});
    candidates.push_back({print});
  }
  candidates.push_back(all);
  for (std::vector<std::string>& keys : candidates)
    if (block_hash(file.model, file.parent, file.ids, keys) == file.hash) return std::move(keys);
  return std::nullopt;
}

}  // namespace kvcache::foreign::omlx

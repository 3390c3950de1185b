#include "foreign/known_ids.h"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>

#include "foreign/entries/entry_folder.h"
#include "foreign/entry_store.h"
#include "foreign/prompt_file.h"
#include "foreign/small_file.h"
#include "kvcache/stamp.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;

std::optional<std::vector<std::int32_t>> ids_beside(const std::string& path) {
  constexpr std::string_view ending = ".safetensors";
  if (!path.ends_with(ending)) return std::nullopt;
  const std::string beside = path.substr(0, path.size() - ending.size()) + "_tokens.bin";
  if (std::error_code unknown; !fs::is_regular_file(beside, unknown)) return std::nullopt;
  const std::string bytes = read_small_file(beside, std::uint64_t{1} << 30U);
  if (bytes.starts_with(entries::ids_magic)) return entries::parse_tagged_ids(bytes).ids;
  return entries::parse_plain_ids(bytes, static_cast<std::int64_t>(bytes.size() / 4), true);
}

}  // namespace

std::optional<std::vector<std::int32_t>> known_ids(const PromptCache& cache, const std::string& path) {
  if (const std::optional<Stamp> stamp = find_stamp(cache); stamp && stamp->tokens && stamp->tokens->ids)
    return stamp->tokens->ids;
  std::optional<std::vector<std::int32_t>> ids = ids_in_metadata(cache.metadata);
  if (!ids) ids = ids_beside(path);
  if (!ids) return std::nullopt;
  return ids_held(cache, *ids);
}

std::string beside_ids(const Metadata& user) {
  for (const std::string_view key : {apc_images_key, omlx_images_key})
    if (const auto found = user.find(std::string(key)); found != user.end()) return fmt::format("{}={}", key, found->second);
  return {};
}

}  // namespace kvcache::foreign

// The folders that vllm-mlx and its fork Rapid-MLX keep prompts in: entry_0.safetensors, entry_0_tokens.bin, ..., index.json.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "foreign/foreign_format.h"
#include "kvcache/document.h"

namespace kvcache::foreign::entries {

enum class Owner { vllm_mlx, rapid_mlx };

/// What index.json says of an entry.
struct IndexEntry {
  std::int64_t index = 0;
  std::int64_t num_tokens = 0;
  std::vector<std::string> classes;  ///< Rapid-MLX
};

struct EntryIndex {
  Owner owner = Owner::vllm_mlx;
  std::int64_t version = 0;
  std::string fingerprint;  ///< vllm-mlx: of the model's config; may be empty
  std::string save_uuid;    ///< Rapid-MLX
  std::vector<IndexEntry> entries;
};

/// Throws Error(unreadable, code KV902) for a version of index.json that is not read here.
void require_known_version(std::int64_t version, Owner owner);

/// Throws Error(unreadable): KV906 where it is torn or contradicts itself (both servers then refuse the folder), KV902 for a
/// version that is not read.
[[nodiscard]] EntryIndex parse_index(std::string_view json, Owner owner);

/// The ids beside an entry. Throws Error(unreadable, code KV907) where they are not those of the entry. vllm-mlx: int32
/// without a header, of which the first `num_tokens` count. `exactly`: nothing may follow them, as Rapid-MLX has it.
[[nodiscard]] std::vector<std::int32_t> parse_plain_ids(std::string_view bytes, std::int64_t num_tokens, bool exactly = false);

/// Rapid-MLX' header of ids.
inline constexpr std::string_view ids_magic = "RMTKBIN1";
struct TaggedIds {
  std::string save_uuid;
  std::vector<std::int32_t> ids;
};
/// Throws Error(unreadable, code KV907) where it is torn or has anything behind the ids.
[[nodiscard]] TaggedIds parse_tagged_ids(std::string_view bytes);
/// The same bytes.
[[nodiscard]] std::string tagged_ids(std::string_view save_uuid, std::span<const std::int32_t> ids);

/// "entry_12.safetensors" is 12, and "entry_12_tokens.bin" with that ending.
[[nodiscard]] std::optional<std::int64_t> entry_number(std::string_view name, std::string_view ending);

/// The model in the folder's name: "example--tiny" is "example/tiny"; Rapid-MLX adds a digest.
[[nodiscard]] std::string model_of(const std::string& folder, Owner owner);

// Functions of both rows; `Owner` tells them apart.
[[nodiscard]] bool owns(const FolderLook& folder, Owner owner);
[[nodiscard]] std::vector<Item> items(const Place& place);
[[nodiscard]] Entry look(const Place& place, const Item& item, Owner owner);
[[nodiscard]] Report check(const Place& place, const Item& item, Owner owner);
[[nodiscard]] std::vector<Report> check_place(const Place& place, std::span<const Item> items, Owner owner);
[[nodiscard]] Restored restore(const Place& place, const Query& query, Owner owner);
[[nodiscard]] std::vector<Prompt> prompts(const Place& place, Owner owner);
[[nodiscard]] Restored restore_prompt(const Place& place, const Prompt& prompt, const Query& query, Owner owner);
/// Why entries here may be of another model than that of the folder, a doubt. Empty: they are not, or nothing tells.
[[nodiscard]] std::string other_model(const Place& place, const std::string& model_folder, Owner owner);

}  // namespace kvcache::foreign::entries

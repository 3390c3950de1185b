// An entry of vllm-mlx' SSD tier: a folder with a manifest and a file per layer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "foreign/foreign_format.h"
#include "kvcache/prompt_cache.h"

namespace kvcache::foreign::ssd {

/// A row of the index.
struct Row {
  std::string hash;
  std::vector<std::int32_t> ids;
  std::int64_t num_tokens = 0;
  std::string folder;   ///< name in data/
  std::string problem;  ///< why it cannot be used, or empty
};

/// Throws Error(unreadable, code KV902) for an index whose schema is not the one that is known. One that does not say is taken.
void require_known_schema(const std::string& index);
/// Every row of index.db. Throws what each_row() throws.
[[nodiscard]] std::vector<Row> read_rows(const std::string& folder);

/// SHA-256 of the ids as little-endian 32-bit integers.
[[nodiscard]] std::string token_hash(std::span<const std::int32_t> ids);

struct SsdEntry {
  PromptCache cache;
  std::int64_t num_tokens = 0;
  std::vector<std::string> losses;
};
/// `manifest`: the text of manifest.json. Layers are read from `folder`. Throws Error(unreadable) for what is torn or of a
/// kind that is not known.
[[nodiscard]] SsdEntry read_entry(const std::string& folder, std::string_view manifest);

}  // namespace kvcache::foreign::ssd

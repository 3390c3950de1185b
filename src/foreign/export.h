// A prompt cache as a server's own entry: into a folder that the server reads when it starts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/prompt_cache.h"

namespace kvcache::foreign {

struct ExportRequest {
  const PromptCache* cache = nullptr;
  std::vector<std::int32_t> ids;  ///< of all tokens in it, or of those and the one that was sampled last
  std::string folder;             ///< of the server: made where it is not there
  std::string model_name;         ///< as served, or empty
  std::string model_folder;       ///< with config.json, or empty
  std::int64_t block_size = 0;    ///< 0: the server's default
  std::string like;               ///< an entry that the server has written, whose settings are taken; or empty
  bool overwrite = false;         ///< replace what is there under the same name and cannot be used as it is
};

struct Exported {
  std::string path;                ///< of the entry
  std::uint64_t bytes = 0;         ///< of it
  std::int64_t tokens = 0;         ///< that can be used of it
  std::vector<std::string> notes;  ///< what somebody should know before the server starts
};

/// A server's format that is written.
struct ExportTarget {
  std::string_view id;  ///< for --to: "vllm-mlx"
  std::string_view title;
  /// Throws Error(impossible), with the layer and the reason, for what the server would never use or could not restore;
  /// Error(usage), Error(io). Nothing is left half-written: an index that lists the entry is replaced last.
  Exported (*write)(const ExportRequest& request);
  std::string_view images_key = {};  ///< user metadata that tells images apart, where its entries have a place for it
};

[[nodiscard]] std::span<const ExportTarget> export_targets() noexcept;
/// Nothing for what is none of them.
[[nodiscard]] const ExportTarget* find_export_target(std::string_view id) noexcept;
/// As the target's `write`. Throws Error(impossible), too, where ids alone do not tell the prompt and the server would find it
/// by them.
[[nodiscard]] Exported export_to(const ExportTarget& target, const ExportRequest& request);

// The targets, each in a file of its own.
[[nodiscard]] Exported export_apc(const ExportRequest& request);
[[nodiscard]] Exported export_vllm_mlx(const ExportRequest& request);
[[nodiscard]] Exported export_rapid_mlx(const ExportRequest& request);
/// Blocks into the folder, with the ids beside them. Those that are there are kept.
[[nodiscard]] Exported export_omlx(const ExportRequest& request);
/// `folder` ends in .omlxzip: that file; else a file in the folder, named as omlx does.
[[nodiscard]] Exported export_omlxzip(const ExportRequest& request);

/// What vllm-mlx makes of a config.json, to tell a cache of another model: 16 hex digits.
[[nodiscard]] std::string vllm_mlx_fingerprint(std::string_view config_json);
/// The same of a model, by its folder or its config.json.
[[nodiscard]] std::string vllm_mlx_fingerprint_of(const std::string& model);

}  // namespace kvcache::foreign

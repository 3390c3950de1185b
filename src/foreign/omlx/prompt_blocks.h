// A prompt cache as omlx' blocks: what each of them holds, before any is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "foreign/export.h"
#include "foreign/omlx/block.h"
#include "foreign/omlx/ordered_file.h"

namespace kvcache::foreign::omlx {

/// What a server compares before it uses a block.
struct ServerSettings {  // NOLINT(bugprone-exception-escape): moving JSON does not throw
  std::string model;
  std::int64_t block_size = 0;
  std::int64_t version = newest_version;
  std::string payload_layout;  ///< "split_recurrent_v1", "embedded", or empty: before there was one
  Json signature;              ///< as the server's own block has it; null: not known
  /// Recurrent layers lie beside the blocks.
  [[nodiscard]] bool split() const { return payload_layout == "split_recurrent_v1"; }
};

class PromptBlocks {
 public:
  /// Of the whole blocks in the cache, with the settings of the request: those of `like`, or those that a current server has by
  /// itself. The request has to outlive it. Throws Error(usage) where settings are missing, and Error(impossible) for what such
  /// a server would not use.
  explicit PromptBlocks(const ExportRequest& request);

  [[nodiscard]] const ServerSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::vector<std::string>& hashes() const noexcept { return hashes_; }
  /// Tokens in whole blocks.
  [[nodiscard]] std::int64_t tokens() const { return static_cast<std::int64_t>(hashes_.size()) * settings_.block_size; }
  [[nodiscard]] const std::string& signature() const noexcept { return signature_; }

  [[nodiscard]] OrderedFile block(std::size_t index) const;
  /// What omlx writes beside it on request: the ids.
  [[nodiscard]] std::string tokens_file(std::size_t index) const;
  /// Whether the last block has recurrent state beside it.
  [[nodiscard]] bool has_gdn() const;
  [[nodiscard]] OrderedFile gdn() const;
  /// The folder of that below _gdn_sidecars.
  [[nodiscard]] std::string gdn_settings() const;
  /// What somebody should know.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  void take_settings(const Block* like);
  void check_tokens();
  void check_layers();
  void check_against(const Block& like);
  void make_signature();

  const ExportRequest& request_;
  std::string created_at_;  // the same in every block
  ServerSettings settings_;
  std::int64_t seen_ = 0;     // tokens in the cache
  bool needs_state_ = false;  // of a layer that is no row per token
  Json classes_, meta_states_;
  std::string signature_;
  std::vector<std::string> hashes_;
  std::vector<std::string> notes_;
};

}  // namespace kvcache::foreign::omlx

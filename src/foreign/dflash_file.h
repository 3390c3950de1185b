// A snapshot of dflash-mlx: a model's cache, and what its draft model has seen of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "foreign/stored_layers.h"
#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign {

/// What dflash-mlx does not store of a window, because its model knows it.
struct WindowSize {
  std::int64_t max_size = 0;  ///< tokens
  std::int64_t keep = 0;      ///< pinned first tokens
};

struct DflashSnapshot {
  /// A layer of the model: attention, or recurrent state.
  struct Layer {
    bool attention = false;
    std::int64_t offset = 0;          ///< attention: tokens
    std::optional<std::int64_t> idx;  ///< attention in a window: row after the newest one
    std::vector<bool> slots;          ///< recurrent: which are set
    std::vector<bool> sidecar_slots;  ///< the same at the sidecar's boundary
  };

  SafetensorsFile file;
  std::int64_t schema = 0;
  std::string runtime;  ///< version of dflash-mlx
  std::string target;   ///< name of the model
  std::string draft;    ///< name of its draft model
  std::string key;      ///< everything that has to be the same for a snapshot to be used, as canonical JSON
  std::string kind;     ///< "prefill", "generation"
  std::vector<std::int32_t> ids;
  bool has_last_logits = false;
  std::int64_t sidecar_boundary = 0;  ///< tokens at which the recurrent state is stored as well; 0: nowhere
  std::vector<Layer> layers;

  [[nodiscard]] bool has_windows() const;
  /// Names of arrays that only its draft model needs.
  [[nodiscard]] std::vector<std::string> draft_arrays() const;

  /// The cache after all tokens, or after `sidecar_boundary` of them. `windows`: of every layer that is one. Throws
  /// Error(unreadable) naming the layer, Error(impossible) where it cannot be restored at `tokens`.
  [[nodiscard]] std::vector<std::unique_ptr<Cache>> restore(std::int64_t tokens,
                                                            std::span<const std::optional<WindowSize>> windows) const;

  /// Buffer of a window, as it is stored.
  [[nodiscard]] Tensor ring_keys(std::size_t layer) const;
};

/// Whether a header says that it is one, of whatever version.
[[nodiscard]] bool is_dflash_snapshot(const Header& header);

/// Reads the header's metadata alone. Throws Error(unreadable): code KV123 for a schema that is not known here.
[[nodiscard]] DflashSnapshot read_dflash_snapshot(SafetensorsFile file);

/// Windows of a model as snapshots of the same key show them: `snapshots` of one model. Nothing for a layer that is none, and
/// for one whose size none of them proves. Reads the first rows of rings.
///
/// A ring that has been written to in place since it was full has exactly max_size rows. Rows that two snapshots of one prompt
/// have in common at the front, although everything that can move has moved between them, are the pinned ones.
[[nodiscard]] std::vector<std::optional<WindowSize>> proven_windows(std::span<const DflashSnapshot* const> snapshots);

}  // namespace kvcache::foreign

// What a prompt cache looks like, apart from its tokens and values: layer by layer, and in groups of layers that are stored
// alike.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvcache/prompt_cache.h"

namespace kvcache::store::detail {

/// How a cache is stored and what a hit needs of it.
enum class Kind {
  rows,    ///< a row per token, all of them: KVCache, QuantizedKVCache
  window,  ///< rows by position, those that the window needs: RotatingKVCache
  state,   ///< as a whole, at an exact number of tokens (or any it can be cut to): everything else
  unused,  ///< nothing: a cache that the model never used
  list,    ///< its children
};

/// One array with a row per token: [1, heads, rows, dim].
struct RowArray {
  Dtype dtype = Dtype::F16;
  std::int64_t heads = 0;
  std::int64_t dim = 0;
  friend bool operator==(const RowArray&, const RowArray&) = default;
  /// Of one token.
  [[nodiscard]] std::uint64_t row_bytes() const {
    return static_cast<std::uint64_t>(heads) * static_cast<std::uint64_t>(dim) * item_size(dtype);
  }
};

/// A layer, or a child of one.
struct Spec {
  Kind kind = Kind::unused;
  std::string class_name;        ///< the reference's, no alias
  std::vector<RowArray> arrays;  ///< of rows and windows: keys, values; of a quantized cache codes, scales, biases of each
  std::int64_t bits = 0;         ///< quantized
  std::int64_t group_size = 0;   ///< quantized
  std::int64_t keep = 0;         ///< window
  std::int64_t max_size = 0;     ///< window
  std::string state;             ///< of a state: what its class fixes, as canonical JSON
  std::size_t window = 0;        ///< of windows: which of Layout::windows
  std::vector<Spec> children;    ///< of a list
};

/// Windows of one size, which need the same positions.
struct Window {
  std::int64_t keep = 0;      ///< tokens pinned
  std::int64_t max_size = 0;  ///< tokens in all
  friend bool operator==(const Window&, const Window&) = default;
  /// The positions that a cache of `tokens` tokens needs, and holds when it has just these: pinned ones, then the newest.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::int64_t>> needed(std::int64_t tokens) const;
  /// The positions of a cache of `tokens` tokens with so many rows.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::int64_t>> held(std::int64_t tokens, std::int64_t rows) const;
};

/// Of a whole prompt cache.
class Layout {
 public:
  /// Throws Error(impossible), naming the layer, for batches and for what is not understood.
  static Layout of(const PromptCache& cache);
  /// Of what json() gave. Throws Error(unreadable).
  static Layout parse(const std::string& json);

  /// Canonical: equal layouts have equal texts.
  [[nodiscard]] const std::string& json() const noexcept { return json_; }
  [[nodiscard]] const std::vector<Spec>& layers() const noexcept { return layers_; }
  /// Every spec that is no list, depth first, with its name for people: "layer 3 child 1 (ArraysCache)".
  [[nodiscard]] const std::vector<std::pair<const Spec*, std::string>>& leaves() const noexcept { return leaves_; }
  [[nodiscard]] const std::vector<Window>& windows() const noexcept { return windows_; }
  [[nodiscard]] const std::vector<std::string>& model_state() const noexcept { return model_state_; }
  [[nodiscard]] bool has_rows() const noexcept { return row_bytes_ > 0 || rows_; }
  [[nodiscard]] bool has_state() const noexcept { return state_; }
  /// Of one token, in all layers of Kind::rows.
  [[nodiscard]] std::uint64_t row_bytes() const noexcept { return row_bytes_; }
  /// Of one token, in the windows of one size.
  [[nodiscard]] std::uint64_t window_row_bytes(std::size_t window) const;
  /// Tokens of a block unless told otherwise: 256, more where that would be less than 4 MiB, less where it would be more
  /// than 64.
  [[nodiscard]] std::int64_t block() const;

  Layout(const Layout&) = delete;  // leaves_ points into layers_
  Layout& operator=(const Layout&) = delete;
  Layout(Layout&&) noexcept = default;
  Layout& operator=(Layout&&) noexcept = default;
  ~Layout() = default;

 private:
  Layout() = default;
  void finish();
  void add_leaves(Spec& spec, const std::string& where);

  std::vector<Spec> layers_;
  std::vector<std::string> model_state_;
  std::vector<std::pair<const Spec*, std::string>> leaves_;
  std::vector<Window> windows_;
  std::string json_;
  std::uint64_t row_bytes_ = 0;
  bool rows_ = false;
  bool state_ = false;
};

/// Of a cache that was never used: slots of recurrent state, tokens of a chunk where they are known.
[[nodiscard]] std::size_t unused_slots(const Spec& spec);
[[nodiscard]] std::optional<std::int64_t> unused_chunk(const Spec& spec);

/// The caches that are no lists, in the order of Layout::leaves().
[[nodiscard]] std::vector<const Cache*> leaves_of(const PromptCache& cache);
/// The layers of such caches.
[[nodiscard]] std::vector<std::unique_ptr<Cache>> layers_of(const Layout& layout, std::vector<std::unique_ptr<Cache>> leaves);

}  // namespace kvcache::store::detail

// The base of all caches: what one layer of a prompt cache remembers. The reference, here and in the classes, is mlx-lm's
// mlx_lm/models/cache.py.
//
// A cache knows tokens, windows, padding and masks; it knows nothing of files. Its arrays are lazy tensors (tensor.h), so every
// operation here is cheap whatever the cache's size. K and V are [B, H, S, D]: batch, KV heads, rows (tokens), head dim; the
// head dims of keys and values may differ.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/remedy.h"
#include "kvcache/tensor.h"

namespace [[gnu::visibility("default")]] kvcache {

/// Per-sequence integers of a batch: offsets, left paddings, lengths. Tokens.
using Int32s = std::vector<std::int32_t>;

/// A mask as the reference's make_mask returns it. `none`: every query sees every row. `causal`: plain causal attention,
/// which needs no array. `array`: BOOL, true = may attend; [N, S] for single sequences ([S] for one query of a rotating
/// window), [B, 1, N, S] for batches, [B, N] for recurrent state. Arrays are computed while they are read.
struct Mask {
  /// See above.
  enum class Kind { none, causal, array };
  Kind kind = Kind::none;  ///< whether there is an array
  Tensor array;            ///< defined for Kind::array only
};

/// What a reader of the file wants to know about a layer; absent where it does not apply to the class.
struct Facts {
  std::string class_name;                      ///< as Cache::class_name()
  std::optional<std::int64_t> tokens;          ///< logical length: the cache's offset
  std::optional<std::int64_t> rows;            ///< rows stored on the sequence axis
  std::optional<std::int64_t> batch;           ///< sequences: B
  std::optional<std::int64_t> kv_heads;        ///< H
  std::optional<std::int64_t> key_dim;         ///< Dk, unpacked
  std::optional<std::int64_t> value_dim;       ///< Dv, unpacked
  std::optional<Dtype> dtype;                  ///< of keys (scales, for a quantized cache)
  std::uint64_t bytes = 0;                     ///< the reference's nbytes
  std::uint64_t padding_bytes = 0;             ///< part of `bytes` that no token uses (left padding, rows beyond the offset)
  bool trimmable = false;                      ///< Cache::trimmable()
  bool empty = false;                          ///< Cache::empty()
  std::optional<std::int64_t> keep;            ///< tokens a window pins
  std::optional<std::int64_t> max_size;        ///< of a window, tokens
  std::optional<std::int64_t> idx;             ///< ring row after the newest one
  std::optional<bool> wrapped;                 ///< tokens were evicted, or the ring is out of temporal order
  std::optional<std::int64_t> bits;            ///< of a quantized value
  std::optional<std::int64_t> group_size;      ///< quantized values that share a scale
  std::optional<std::int64_t> chunk_size;      ///< tokens
  std::optional<std::int64_t> start_position;  ///< tokens that a chunked cache has dropped from the front
  std::optional<std::vector<std::int64_t>> left_padding;  ///< rows, [B]
  std::optional<std::vector<std::int64_t>> offsets;       ///< tokens, [B]
  std::optional<std::vector<std::int64_t>> lengths;       ///< tokens, [B]
  std::vector<Facts> children;                            ///< of a CacheList
};

/// Why something cannot be done, and what to do instead.
struct Refusal {
  std::string why;  ///< a clause, with the values at hand
  Remedy remedy;    ///< empty where there is no better advice than any
};

/// The classes of caches: there are no others, and visit() (caches.h) makes every place that tells them apart name each of
/// them. Values are part of the binary interface: none is changed or used again, new ones come at the end.
enum class CacheKind : std::uint8_t {
  kv = 0,                   ///< KVCache
  rotating = 1,             ///< RotatingKVCache
  quantized = 2,            ///< QuantizedKVCache
  chunked = 3,              ///< ChunkedKVCache
  arrays = 4,               ///< ArraysCache
  list = 5,                 ///< CacheList
  batch = 6,                ///< BatchKVCache
  batch_rotating = 7,       ///< BatchRotatingKVCache
  turbo_quant = 8,          ///< TurboQuantKVCache
  variance_normalized = 9,  ///< VarianceNormalizedKVCache
  opaque = 10,              ///< OpaqueCache
};

/// One layer of a prompt cache. Never assigned through this class; copied by copy().
class Cache {
 public:
  virtual ~Cache() = default;
  Cache& operator=(const Cache&) = delete;

  /// Which class it is, whatever a file calls it.
  [[nodiscard]] virtual CacheKind kind() const noexcept = 0;

  /// Another cache with the same state; the arrays are shared, as they never change.
  [[nodiscard]] virtual std::unique_ptr<Cache> copy() const = 0;
  /// The reference's class name ("RotatingKVCache"), or the alias the file uses ("ConcatenateKVCache", "MambaCache").
  [[nodiscard]] virtual std::string_view class_name() const = 0;
  /// Tokens, as the reference's size(): rows that attention can see, min(offset, max_size) for windows, 0 for recurrent state.
  [[nodiscard]] virtual std::int64_t size() const = 0;
  /// Bytes of key, value and state arrays as the reference counts them (batch offsets and paddings not counted).
  [[nodiscard]] virtual std::uint64_t nbytes() const = 0;
  /// Never used: holds no arrays.
  [[nodiscard]] virtual bool empty() const = 0;
  /// What there is to say about it, from its state alone.
  [[nodiscard]] virtual Facts facts() const = 0;

  /// trim() works.
  [[nodiscard]] bool trimmable() const { return !why_not_trimmable().has_value(); }
  /// Nothing when the cache can be trimmed, else a clause for "cannot be trimmed: ...", with the values at hand.
  [[nodiscard]] virtual std::optional<std::string> why_not_trimmable() const = 0;
  /// Remove the last min(n, tokens) tokens; returns how many. n >= 0. A batch loses n of each sequence. Throws
  /// Error(impossible) when why_not_trimmable_by(n).
  virtual std::int64_t trim(std::int64_t n);
  /// Keep the first `length` tokens, of each sequence of a batch; returns how many went, of the sequence that lost most.
  /// length >= 0. Throws Error(impossible) when why_not_trimmable_to(length).
  virtual std::int64_t trim_to(std::int64_t length);
  /// Nothing when trim(n) works. Beyond why_not_trimmable(): some tokens can be given back and others not.
  [[nodiscard]] virtual std::optional<Refusal> why_not_trimmable_by(std::int64_t n) const;
  /// Nothing when trim_to(length) works.
  [[nodiscard]] virtual std::optional<Refusal> why_not_trimmable_to(std::int64_t length) const;

  /// The reference's update_and_fetch for keys and values [B, H, N, D] of the cache's dtype. An empty cache takes any shape.
  /// Throws Error(impossible) for a class that has no such method, or when shapes or dtypes do not fit (naming both).
  virtual void update(const Tensor& keys, const Tensor& values);
  /// Mask for the next `queries` tokens. `window`: sliding window of the model in tokens, where it has one.
  [[nodiscard]] virtual Mask make_mask(std::int64_t queries, std::optional<std::int64_t> window, bool return_array) const;

  // Batch operations; Error(impossible) for classes without them, Error(usage) for an index out of range.
  virtual void filter(std::span<const std::int64_t> indices);  ///< keep these rows of the batch, in this order
  virtual void extend(const Cache& other);                     ///< append the sequences of another batch
  [[nodiscard]] virtual std::unique_ptr<Cache> extract(std::int64_t index) const;  ///< one sequence as a single cache
  /// Before a batch of right-padded prompts is appended: the last right_padding[b] rows of the update to come are padding.
  /// Without an update before finalize(), the last rows already stored are. Error(usage) when the numbers do not fit.
  virtual void prepare(const Int32s& right_padding);
  /// After it: roll right-padded rows so that they become left-padded.
  virtual void finalize();
  /// How many sequences; nothing when the cache is empty and does not know.
  [[nodiscard]] virtual std::optional<std::int64_t> batch_size() const = 0;
  /// One batch of single-sequence caches of this class (called on the first of them; others includes it as element 0).
  [[nodiscard]] virtual std::unique_ptr<Cache> merge(std::span<const Cache* const> caches) const;
  /// Why `other` cannot stand beside this cache in one batch, naming both values ("key head dims 64 and 128"); else nothing.
  /// Batch size and length do not matter; a cache that holds no arrays fits beside any of its class and window.
  [[nodiscard]] virtual std::optional<std::string> mismatch(const Cache& other) const;

  /// An array of the state.
  struct Part {
    std::string name;  ///< for people: "keys", "key scales", "slot 1"
    Tensor tensor;     ///< undefined where the slot is not set
  };
  /// Every array of the state, in the reference's order.
  [[nodiscard]] virtual std::vector<Part> parts() const = 0;

 protected:
  Cache() = default;              ///< for classes of caches
  Cache(const Cache&) = default;  ///< for their copy()
};

/// Whether a cache is of one class: `is<KVCache>(layer)`.
template <class Class>
[[nodiscard]] bool is(const Cache& cache) noexcept {
  return cache.kind() == Class::own_kind;
}

/// The cache as one class, or null when it is of another one. Where several classes are told apart, visit() (caches.h) is
/// meant.
template <class Class>
[[nodiscard]] const Class* as(const Cache& cache) noexcept {
  return is<Class>(cache) ? static_cast<const Class*>(&cache) : nullptr;
}
/// @copydoc as(const Cache&)
template <class Class>
[[nodiscard]] Class* as(Cache& cache) noexcept {
  return is<Class>(cache) ? static_cast<Class*>(&cache) : nullptr;
}

}  // namespace kvcache

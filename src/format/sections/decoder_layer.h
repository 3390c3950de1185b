// The state of decoding one layer, with the checks that several classes share.
#pragma once

#include <fmt/format.h>

#include "common/codes.h"
#include "format/dialects/era.h"
#include "format/sections/decoder.h"

#include "kvcache/remedy.h"

namespace kvcache::detail {

struct Decoder::Layer {
  Decoder& decoder;
  const LayerInput& in;
  LayerOutput out;
  Meta meta;

  Layer(Decoder& d, const LayerInput& input);

  /// Report a finding about this layer. `key` defaults to the layer's metadata path.
  void report(std::string_view code, const std::string& message, const std::string& key = {}, Remedy remedy = {});
  /// Report an error and leave the layer undecoded. Returns false, for `return l.fail(...)`.
  bool fail(std::string_view code, const std::string& message, const std::string& key = {}, Remedy remedy = {});

  /// The same for a class or layout of a neighbour, which is no damage: KV717 says whose, at the same place. Returns false.
  bool not_ours(std::string_view code, const std::string& message, std::string_view owner, const std::string& key = {});
  /// Hint for a layer that is not understood: the commands that work on its file all the same.
  [[nodiscard]] static Remedy what_works();

  /// Narrow the eras to those with a property, and remember why.
  void only(EraSet eras, std::string evidence);
  void done(std::unique_ptr<Cache> cache);

  /// Arrays as a plain list of tensors, or nothing when there are deeper ones.
  [[nodiscard]] std::optional<std::vector<std::size_t>> flat_arrays() const;
  [[nodiscard]] bool has_arrays() const { return in.arrays != nullptr && !in.arrays->empty(); }
  /// "2 arrays", "nested arrays", for messages.
  [[nodiscard]] std::string describe_arrays() const;
  /// "4 metadata values"
  [[nodiscard]] std::string metadata_values() const;

  /// The metadata of a class that has none: empty text, a list with one empty text, or nothing. Narrows the eras.
  bool expect_no_meta();
  /// One of these numbers of fields. Otherwise KV304.
  bool expect_fields(std::initializer_list<std::size_t> counts);
  /// Field as a canonical integer of 32 bits (KV305, KV306).
  bool integer(std::size_t field, std::string_view name, std::int64_t& value);

  /// Exactly `n` plain arrays (KV303).
  bool expect_arrays(std::size_t n, std::vector<std::size_t>& arrays);
  /// Rank (KV307) and dtype (KV308) of keys and values, their B and rows (KV309), heads (KV310) and dtypes (KV311).
  bool check_keys_and_values(std::size_t keys, std::size_t values);
  /// Weights, scales and biases of keys and of values (two arrays each in a mode without biases): ranks, dtypes, B and rows;
  /// then the state's arrays.
  bool take_quantized(const std::vector<std::size_t>& keys, const std::vector<std::size_t>& values,
                      QuantizedKVCache::State& state);
  bool expect_rank(std::size_t array, std::size_t rank, std::string_view what);
  bool expect_float(std::size_t array, std::string_view what);
  bool expect_dtype(std::size_t array, Dtype dtype, std::string_view what);
  /// A small I32 [B] array (KV307, KV308, KV309).
  bool read_int32s(std::size_t array, std::int64_t batch, std::string_view what, Int32s& values);

  /// Arrays of this layer are absent: only eras that save layers that were never used.
  bool unused_layer();

  /// The layer as `Class`, its two arrays being keys and values; none in a layer that was never used.
  template <typename Class>
  void done_with_pair(typename Class::State state) {
    if (!unused_layer()) {
      std::vector<std::size_t> arrays;
      if (!expect_arrays(2, arrays) || !take_keys_and_values(arrays, state)) return;
      out.arrays = std::move(arrays);
    }
    done(std::make_unique<Class>(std::move(state)));
  }
  /// The same for a batch, where each row's offset and left padding follow.
  template <typename Class>
  void done_with_batch(typename Class::State state) {
    if (!unused_layer()) {
      std::vector<std::size_t> arrays;
      if (!expect_arrays(4, arrays) || !take_keys_and_values(arrays, state)) return;
      const std::int64_t batch = state.keys.shape()[0];
      if (!read_int32s(arrays[2], batch, "offsets", state.offset)) return;
      if (!read_int32s(arrays[3], batch, "left paddings", state.left_padding)) return;
      out.arrays = std::move(arrays);
    }
    done(std::make_unique<Class>(std::move(state)));
  }

 private:
  template <typename State>
  bool take_keys_and_values(const std::vector<std::size_t>& arrays, State& state) {
    if (!check_keys_and_values(arrays[0], arrays[1])) return false;
    state.keys = decoder.tensor(arrays[0]);
    state.values = decoder.tensor(arrays[1]);
    return true;
  }
};

/// "[1, 2, 6, 8]" of an entry.
[[nodiscard]] std::string shape_of(const TensorEntry& entry);

enum class IntegerError : std::uint8_t { none, syntax, range };
/// Canonical decimal in [-2^31, 2^31): "-5", never "+5", "05", "5.0".
[[nodiscard]] IntegerError parse_int32(std::string_view text, std::int64_t& value);
/// Canonical decimal in [0, 2^64).
[[nodiscard]] IntegerError parse_uint64(std::string_view text, std::uint64_t& value);
/// "0,1,3" of canonical integers; empty text is an empty list.
[[nodiscard]] IntegerError parse_int32_list(std::string_view text, std::vector<std::int64_t>& values);

}  // namespace kvcache::detail

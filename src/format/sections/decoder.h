// Turning one layer's class name, arrays and metadata into a Cache, and into the set of eras that could have written it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/index_paths.h"
#include "format/sections/stand_ins.h"
#include "kvcache/caches.h"
#include "kvcache/format.h"

namespace kvcache::detail {

/// Cache lists nested deeper than this are refused (KV207).
inline constexpr int max_list_depth = 64;

/// One layer (or one child of a CacheList) as it lies in the file.
struct LayerInput {
  Where where;
  std::string key;  ///< metadata path of it for messages: "0.3"
  std::string class_text;
  const ArrayTree* arrays = nullptr;  ///< nullptr: none
  const MetaTree* meta = nullptr;     ///< nullptr: no metadata at all
  bool framed = false;                ///< a child of a framed CacheList: its metadata is a list of any length, 0 included
  int depth = 0;                      ///< CacheLists around it
};

/// What came out. `cache` is an OpaqueCache when the layer could not be decoded; then an error was reported.
struct LayerOutput {
  std::unique_ptr<Cache> cache;
  EraSet eras;  ///< all of them where the layer is too broken to tell
  std::vector<std::string> evidence;
  std::vector<std::size_t> arrays;  ///< tensors in state order
  bool decoded = false;
  bool unused = false;                  ///< class and metadata but no arrays
  bool lost_children = false;           ///< a CacheList of an era that forgets them
  bool early_form = false;              ///< LayerSource::early_form
  std::vector<UnusedRows> unused_rows;  ///< LayerSource::unused
};

/// Metadata of a layer, flattened.
struct Meta {
  enum class Form : std::uint8_t { absent, scalar, list, tree } form = Form::absent;
  std::span<const std::string> values;  ///< in the layer's tree, or in `listed`
  std::vector<std::string> listed;
  Meta() = default;
  Meta(Meta&&) noexcept = default;
  Meta(const Meta&) = delete;
  Meta& operator=(const Meta&) = delete;
  Meta& operator=(Meta&&) = delete;
  ~Meta() = default;
};

class Decoder {
 public:
  Decoder(const SafetensorsFile& file, Findings& findings, StandIns stand_ins = {})
      : file_(file), findings_(findings), stand_ins_(std::move(stand_ins)) {}

  /// Never throws for what is wrong with the layer: reports KV203, KV205, KV207, KV3xx, KV442, KV471.
  LayerOutput decode(const LayerInput& in);

  /// What stands for a layer that could not be decoded; why is the first error from finding number `first_finding` on.
  [[nodiscard]] std::unique_ptr<Cache> undecoded(const LayerInput& in, const std::vector<std::size_t>& arrays,
                                                 std::size_t first_finding) const;

  /// Of any runtime.
  [[nodiscard]] static bool knows_class(std::string_view name) noexcept;

  /// What an array is; of a stand-in, what it stands for.
  [[nodiscard]] const TensorEntry& entry(std::size_t index) const {
    const auto found = stand_ins_.empty.find(index);
    return found == stand_ins_.empty.end() ? file_.header().tensors[index] : found->second;
  }
  [[nodiscard]] Tensor tensor(std::size_t index) const { return file_.tensor(entry(index)); }
  /// The array of a slot: undefined for one that is not set.
  [[nodiscard]] Tensor slot(std::size_t index) const { return stand_ins_.unset.contains(index) ? Tensor() : tensor(index); }

  struct Layer;  ///< the state of decoding one layer (decoder_layer.h)

 private:
  void decode_class(CacheKind kind, Layer& l);
  void decode_kv(Layer& l);
  void decode_rotating(Layer& l);
  void decode_quantized(Layer& l);
  void decode_chunked(Layer& l);
  void decode_arrays(Layer& l);
  void decode_list(Layer& l);
  void decode_nested_list(Layer& l);
  void decode_framed_list(Layer& l);
  void decode_batch(Layer& l);
  void decode_batch_rotating(Layer& l);
  void decode_turbo(Layer& l);
  void decode_variance_normalized(Layer& l);

  const SafetensorsFile& file_;
  Findings& findings_;
  StandIns stand_ins_;
};

}  // namespace kvcache::detail

// A block of omlx' paged cache, formats 1 to 5: what its metadata says, and the states of its layers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "foreign/json_text.h"
#include "foreign/lazy_file.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign::omlx {

/// Formats that are read here. The first has no number in its files. Later ones are listed and never guessed at.
inline constexpr std::int64_t newest_version = 5;
/// The oldest that current servers read.
inline constexpr std::int64_t oldest_served_version = 3;

/// The class that a layer is, for servers that give it another name on a warm turn: they compare these.
[[nodiscard]] std::string canonical_class(std::string_view name);

/// One of the arrays of a layer's state.
struct StateArray {
  enum class Kind {
    stored,   ///< there
    none,     ///< not set
    empty,    ///< without elements: `tensor` has the shape, and F32, as the true dtype is not stored
    nested,   ///< a tuple of further ones, which is not read
    missing,  ///< counted, and not in the file
  };
  Kind kind = Kind::missing;
  Tensor tensor;  ///< decoded, where a codec has stored it
  std::string codec;
};

/// The state of a layer, or of a member of a CacheList.
struct StoredState {       // NOLINT(bugprone-exception-escape): moving JSON does not throw
  std::string class_name;  ///< as stored
  Json meta;               ///< texts, a text, or null
  std::vector<StateArray> arrays;

  /// Two or more stand-ins of one element in place of a state that this block does not hold, for a class that has one.
  [[nodiscard]] bool is_placeholder() const;
  [[nodiscard]] bool is_ring() const { return canonical_class(class_name) == "RotatingKVCache"; }
  [[nodiscard]] bool is_slots() const { return canonical_class(class_name) == "ArraysCache"; }
  [[nodiscard]] bool is_plain() const { return canonical_class(class_name) == "KVCache"; }
};

struct StoredLayer {                 // NOLINT(bugprone-exception-escape): moving JSON does not throw
  StoredState own;                   ///< of what is no list
  std::vector<StoredState> members;  ///< of a CacheList; empty where the block holds none of it
  bool is_list = false;
  bool per_member = false;  ///< of a list: each member is stored as if it were a layer
  std::string unreadable;   ///< why it is not read, a clause: "TurboQuant needs the codebooks of its codec". Or empty

  /// Whether blocks hold a state of it that is no row per token.
  [[nodiscard]] bool needs_state() const;
  /// Whether this block holds that.
  [[nodiscard]] bool has_state() const;
};

/// Of metadata alone, which is what listing needs.
struct BlockFacts {  // NOLINT(bugprone-exception-escape): moving JSON does not throw
  std::int64_t version = 1;
  std::string version_text;  ///< as stored; empty: not
  std::string hash;
  std::string model;
  std::int64_t token_count = 0;
  std::int64_t block_size = 0;  ///< of the settings; where they are not stored, token_count
  bool has_settings = false;    ///< block size and signature are stored
  std::int64_t num_layers = 0;
  std::vector<std::string> classes;                                 ///< of layers, as stored
  std::string signature;                                            ///< canonical, or empty
  std::string stored_signature;                                     ///< as stored, or empty
  std::vector<std::pair<std::string, std::string>> other_settings;  ///< what else servers compare in it, by name
  Json meta_states;
  std::string turboquant_bits;
  std::string payload_layout;
};

/// Throws Error(unreadable) for what is no block of a format that is known: the reason is the message. `stem`: of the file's
/// name; a block has its hash there.
[[nodiscard]] BlockFacts read_facts(const Metadata& metadata, std::string_view stem);

/// What servers compare between two blocks of a chain: number and canonical classes of the layers.
[[nodiscard]] bool same_layers(const BlockFacts& a, const BlockFacts& b);

struct Block {
  BlockFacts facts;
  LazyFile file;
};

/// Throws what opening throws, and as read_facts().
[[nodiscard]] Block read_block(const std::string& path);
/// The same of a part of an archive. `stem`: the hash that it is to have.
[[nodiscard]] Block read_block(std::shared_ptr<const ByteSource> source, std::string_view stem);

/// A layer of a block. Throws Error(unreadable) where metadata and arrays disagree.
[[nodiscard]] StoredLayer read_layer(const Block& block, std::size_t index);

/// Layers that need a state that this block does not hold.
[[nodiscard]] std::vector<std::int64_t> layers_without_state(const Block& block);

}  // namespace kvcache::foreign::omlx

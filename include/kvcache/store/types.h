// What a prefix store is made of: tokens in blocks, the namespaces they are of, entries.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kvcache {
namespace [[gnu::visibility("default")]] store {

/// SHA-256 as 64 hex digits.
using Digest = std::string;
/// Ids of a prompt; never negative.
using TokenIds = std::vector<std::int32_t>;
/// Microseconds since 1970, UTC; never less than any that the store has seen before.
using Time = std::int64_t;

/// Something other than token ids that keys and values depend on: an image or a sound whose placeholder ids are the same for
/// each, a LoRA that a span was processed with. Tokens of different extras are different tokens.
struct Extra {
  std::uint32_t position = 0;                                    ///< of the first token concerned
  std::uint32_t length = 1;                                      ///< tokens concerned
  std::string digest;                                            ///< of what it is, any bytes
  friend bool operator==(const Extra&, const Extra&) = default;  ///< the same in all
};

/// What makes keys and values of one model reusable: the same for every process that computes the same ones.
struct Identity {
  Digest key;                                     ///< of all that counts
  std::string name;                               ///< for people: the model's folder, or the text given
  std::string config;                             ///< digest of the model's config.json, or empty
  std::string weights;                            ///< digest of the model's weights, or empty
  std::map<std::string, std::string> attributes;  ///< what is shown and warned about, but makes no other identity: digests of
                                                  ///< tokenizer files by name
};

/// Identity, layout and salt: nothing is shared across namespaces.
struct Namespace {
  Digest name;             ///< digest of the three
  Identity identity;       ///< whose caches
  std::string layout;      ///< what the caches look like, as canonical JSON (docs/store.md)
  bool salted = false;     ///< a salt is part of the name; it is stored nowhere
  bool state = false;      ///< it has layers whose state is stored as a whole
  std::int64_t block = 0;  ///< tokens of a block
  Time created = 0;        ///< when its first entry was put
};

/// Rows [first, second) of a sequence, by absolute position.
using Span = std::pair<std::int64_t, std::int64_t>;

/// One object of a node: a safetensors file named `<hash of the node>.<group>.safetensors`.
struct ObjectInfo {
  std::string group;        ///< "rows", "rows-87" (behind the first 87), "window0", "edge0", "state"
  std::uint64_t bytes = 0;  ///< of the file
  std::vector<Span> rows;   ///< the positions whose rows it holds, in the order it holds them; none for "state"
};

/// A complete block of tokens, or the tokens behind the last one of an entry: a node of the tree of all sequences of a
/// namespace.
struct Node {
  Digest hash;                      ///< of the chain up to and with its tokens
  Digest parent;                    ///< the block before it, or the namespace's root
  Digest space;                     ///< name of its namespace
  std::int64_t first = 0;           ///< position of its first token
  bool tail = false;                ///< shorter than a block (or a block's length, where it ends an entry of a deeper path)
  TokenIds ids;                     ///< its tokens
  std::vector<Extra> extras;        ///< those that meet its tokens
  std::vector<ObjectInfo> objects;  ///< what is stored of it
  std::optional<std::int64_t> cut;  ///< of its state: the least number of tokens that it can be cut to; nothing: no state
  std::vector<std::int64_t> held;   ///< for each group of windows, rows that a cache of just these tokens held; empty: no cache
                                    ///< that ends here was put
  Time used = 0;                    ///< last access
  /// Position after its last token.
  [[nodiscard]] std::int64_t end() const { return first + static_cast<std::int64_t>(ids.size()); }
  /// The object of this group, or nullptr.
  [[nodiscard]] const ObjectInfo* object(std::string_view group) const {
    for (const ObjectInfo& one : objects)
      if (one.group == group) return &one;
    return nullptr;
  }
  /// The object of its rows, or nullptr. Of a group "rows-N" it has not the first N, which a tail of just these tokens has.
  [[nodiscard]] const ObjectInfo* rows() const {
    for (const ObjectInfo& one : objects)
      if (one.group.starts_with("rows")) return &one;
    return nullptr;
  }
};

/// One put.
struct Entry {
  std::string id;                               ///< 64 hex digits; what people type is the beginning of it
  Digest space;                                 ///< name of its namespace
  Digest node;                                  ///< where its tokens end, or as much of them as is still stored
  std::int64_t tokens = 0;                      ///< that were put
  std::int64_t held = 0;                        ///< of them, those up to `node`
  std::string label;                            ///< the user's word for it, or empty
  bool pinned = false;                          ///< never evicted
  Time created = 0;                             ///< put for the first time
  Time used = 0;                                ///< put or got for the last time
  std::uint64_t hits = 0;                       ///< how often something was got from it
  std::string format;                           ///< id of the format of the file that was put
  std::map<std::string, std::string> metadata;  ///< the user's, of that file
  std::string facets;                           ///< what a file says and a layout does not (class names), as JSON
};

/// What a store keeps to. Sizes in bytes.
struct Settings {
  std::optional<std::uint64_t> max_size;  ///< of all objects
  std::optional<std::uint64_t> min_free;  ///< of the disk, bytes
  std::optional<double> min_free_part;    ///< the same as a part of the disk: 0.05
  std::optional<Time> max_age;            ///< since the last access, microseconds
  std::optional<std::int64_t> block;      ///< tokens of a block, of namespaces to come
  bool compress = false;                  ///< lossless, objects to come
};

}  // namespace store
}  // namespace kvcache

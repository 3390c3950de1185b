// Objects as files: what is in them and what they say about themselves. Each is a prompt-cache file that other tools read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/safetensors.h"
#include "kvcache/stamp.h"
#include "kvcache/store/types.h"
#include "store/layout.h"

namespace kvcache::store::detail {

/// The key of user metadata under which an object says what it is.
inline constexpr std::string_view label_key = "kvcache_store";

inline constexpr std::string_view state_group = "state";
[[nodiscard]] std::string window_group(std::size_t window);  ///< rows of a complete block
[[nodiscard]] std::string edge_group(std::size_t window);    ///< rows that lie in no complete block
/// How many rows it holds.
[[nodiscard]] std::int64_t rows_in(const ObjectInfo& object);

/// `<hash>.<group>.safetensors`
[[nodiscard]] std::string object_name(const Digest& hash, std::string_view group);

/// A cache as part of an object: of rows their arrays, of a state what take_apart() gives.
struct ObjectPart {
  std::vector<Tensor> arrays;
  std::string facts;  ///< of a state
};

/// Everything that an object of a node holds.
struct ObjectContents {
  Node node;                       ///< whose it is; its ids are stored where no other object has them
  std::string group;               ///< which of its objects
  std::vector<Span> rows;          ///< positions, for groups of rows
  TokenIds all_ids;                ///< of the whole sequence, where the blocks before have no objects of their own
  std::vector<const Spec*> specs;  ///< of the parts
  std::vector<ObjectPart> parts;   ///< one for each spec
  std::vector<std::pair<std::string, Tensor>> model_state;  ///< of a state
};

/// What is written for it.
struct ObjectFile {
  std::vector<NamedTensor> tensors;
  Metadata metadata;
  std::optional<Stamp> stamp;  ///< to be added to the metadata, with the checksums of the tensors
};
/// Writes it into the sink, in one pass over the arrays, and commits that. Returns the size of the file.
std::uint64_t write_object_file(ByteSink& out, const ObjectFile& file, const WriteOptions& how);
[[nodiscard]] ObjectFile object_file(const ObjectContents& contents, Time now, bool compress);
/// A file that holds no arrays but a label: entries, namespaces.
[[nodiscard]] ObjectFile label_file(const std::string& label, Time now);
/// Bytes that a file takes beside its arrays, at most; and one of label_file() in all.
[[nodiscard]] std::uint64_t most_header_bytes(const ObjectContents& contents);
[[nodiscard]] std::uint64_t most_label_bytes(const std::string& label);

/// An object that is read.
class StoredObject {
 public:
  /// Throws Error(unreadable) where it is none, or of another name.
  StoredObject(std::shared_ptr<const ByteSource> source, const std::string& name);
  /// JSON of what it says about itself.
  [[nodiscard]] const std::string& label() const noexcept { return label_; }
  /// Array `array` of part `part`, which must be as `expected` with `rows` rows. Throws Error(unreadable).
  [[nodiscard]] Tensor rows(std::size_t part, std::size_t array, std::size_t arrays, const RowArray& expected,
                            std::int64_t rows) const;
  /// The states, in the order of their parts; the last one is the model's, where `model_state`.
  [[nodiscard]] std::vector<ObjectPart> states() const;
  [[nodiscard]] const SafetensorsFile& file() const noexcept { return file_; }

 private:
  [[nodiscard]] Tensor array(const std::string& key) const;
  [[noreturn]] void unreadable(const std::string& what) const;
  SafetensorsFile file_;
  std::string name_;
  std::string label_;
  std::vector<std::string> planes_;  // how each part was packed (PackedRows::facts), or empty
};

/// The key of an array of rows within an object: array `array` of `arrays` of part `part`.
[[nodiscard]] std::string row_key(std::size_t part, std::size_t array, std::size_t arrays);

/// RFC 3339, UTC, to the second.
[[nodiscard]] std::string time_text(Time time);

/// A node as an object's label tells it, with the one object. Throws Error(unreadable).
struct LabelledNode {
  Node node;
  std::string group;
  std::vector<Span> rows;
  std::string space;
  std::optional<TokenIds> all_ids;
};
[[nodiscard]] LabelledNode node_of(const StoredObject& object);

}  // namespace kvcache::store::detail

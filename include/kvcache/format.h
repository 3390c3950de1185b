// Dialects: which tensors and which metadata a prompt cache becomes in the files of each runtime and era, and back.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/finding.h"
#include "kvcache/prompt_cache.h"
#include "kvcache/safetensors.h"

namespace [[gnu::visibility("default")]] kvcache {

/// The runtimes that write prompt caches.
enum class Family : std::uint8_t { mlx_lm, mlx_swift_lm, mlxrs };

/// Every era of every runtime. The letters are those of docs/formats.md. The numbers are part of the binary interface: a new
/// era gets the next free one, whatever its family. The order within a family is that of dialects(), not of the numbers.
enum class Era : std::uint8_t {
  L0 = 0,
  P1 = 1,
  P2 = 2,
  P3 = 3,
  P4 = 4,
  P5 = 5,
  R1 = 6,
  S1 = 7,
  S2 = 8,
  S3 = 9,
  S4 = 10,
  S5 = 11,
};
/// How many eras there are.
inline constexpr std::size_t era_count = static_cast<std::size_t>(Era::S5) + 1;

static_assert(era_count < 64, "EraSet has 64 bits");

/// A set of eras: which ones could have written a layer or a file.
class EraSet {
 public:
  constexpr EraSet() = default;  ///< empty
  /// These.
  constexpr EraSet(std::initializer_list<Era> eras) {
    for (const Era e : eras) bits_ |= bit(e);
  }
  /// Every era there is.
  static constexpr EraSet all() { return EraSet((std::uint64_t{1} << era_count) - 1U); }
  /// Whether `e` is among them.
  [[nodiscard]] constexpr bool has(Era e) const { return (bits_ & bit(e)) != 0; }
  /// Whether it is empty.
  [[nodiscard]] constexpr bool none() const { return bits_ == 0; }
  /// Keep what is in both.
  constexpr EraSet& operator&=(EraSet o) {
    bits_ &= o.bits_;
    return *this;
  }
  /// Add what is in the other.
  constexpr EraSet& operator|=(EraSet o) {
    bits_ |= o.bits_;
    return *this;
  }
  /// In both.
  friend constexpr EraSet operator&(EraSet a, EraSet b) { return a &= b; }
  /// In either.
  friend constexpr EraSet operator|(EraSet a, EraSet b) { return a |= b; }
  /// In the first alone.
  friend constexpr EraSet operator-(EraSet a, EraSet b) { return EraSet(a.bits_ & ~b.bits_); }
  /// The same eras.
  friend constexpr bool operator==(EraSet a, EraSet b) = default;

 private:
  explicit constexpr EraSet(std::uint64_t bits) : bits_(bits) {}
  static constexpr std::uint64_t bit(Era e) { return std::uint64_t{1} << static_cast<unsigned>(e); }
  std::uint64_t bits_ = 0;
};

/// One entry of the list of formats.
struct Dialect {
  Era era;                  ///< which one it is
  std::string_view id;      ///< "mlx-lm@0.31"
  std::string_view letter;  ///< "P3"
  Family family;            ///< the runtime
  bool writable;            ///< encode() takes it
  bool released;            ///< a release writes it; P4 and S4 were never in one
  std::string_view alias;   ///< another id of the same era, or empty
};

/// All formats: those of mlx-lm, mlx-swift-lm, mlxrs, in each the oldest first.
[[nodiscard]] std::span<const Dialect> dialects() noexcept;
/// The entry of an era.
[[nodiscard]] const Dialect& dialect(Era era) noexcept;
/// That of an id, as find_target() of release.h takes it. Throws what that throws.
[[nodiscard]] const Dialect& find_dialect(std::string_view id);
/// The newest of a set that was released, mlx-lm before mlxrs before mlx-swift-lm; the newest where none was. Nothing for an
/// empty set.
[[nodiscard]] const Dialect* preferred(EraSet set) noexcept;

/// Rows behind the last token, which mlx-lm@0.32 stores: zeros, or what was there before a trim.
struct UnusedRows {
  std::int64_t rows = 0;    ///< on the sequence axis
  std::uint64_t bytes = 0;  ///< of all arrays of the cache
};

/// How a layer appears in its file.
struct LayerSource {
  std::string class_text;             ///< class value as in the file (without the model-state prefix)
  std::vector<std::size_t> arrays;    ///< indices into Header::tensors, in state order
  EraSet eras;                        ///< which eras could have written this layer
  std::vector<std::string> evidence;  ///< "rotating metadata has 5 fields"
  bool decoded = false;               ///< false: the layer is an OpaqueCache
  /// Rows that were left out when the layer was decoded: one entry per cache that is no list, depth first. Empty: none.
  std::vector<UnusedRows> unused = {};
  bool early_form = false;  ///< what 0.1 of this tool took for mlx-lm@0.32, which does not load it; writing it again mends it
};

/// A prompt-cache file, decoded. Layers that could not be decoded are OpaqueCache and have error findings.
struct Document {
  SafetensorsFile file;              ///< where it comes from; stays open
  PromptCache cache;                 ///< what it holds, lazily
  std::vector<LayerSource> sources;  ///< one per layer
  EraSet candidates;                 ///< eras that could have written the whole file; empty when mixed
  const Dialect* format = nullptr;   ///< preferred() of candidates, or nullptr
  Findings findings;                 ///< KV118-KV120 of the container, KV2xx, KV3xx, KV471, KV491, KV492, KV503
};

/// Open and decode a file: never reads tensor data except the small integer arrays that states need. Throws as
/// SafetensorsFile::open does, and Error(unreadable, code KV122 or KV123) for a sound file that is no prompt cache.
[[nodiscard]] Document read_document(const std::string& path);
/// The same for a file that is open already.
[[nodiscard]] Document decode(SafetensorsFile file);

/// What a layer is, with rows and bytes as its file stores them: Cache::facts() knows nothing of UnusedRows.
[[nodiscard]] Facts stored_facts(const Document& document, std::size_t layer);

/// A prompt cache ready to be written.
struct Encoded {
  std::vector<NamedTensor> tensors;   ///< layer by layer
  Metadata metadata;                  ///< of the file: the layers' and the user's
  std::vector<std::string> warnings;  ///< losses that the target era's own writer would incur as well
};

/// What may be left out, where an era cannot hold it.
struct EncodeOptions {
  bool drop_model_state = false;  ///< the state of a Swift vision model
  bool drop_unset_slots = false;  ///< trailing slots of recurrent layers that are not set
};

/// What a file of `era` holds for this cache, layer by layer; arrays of less than a page come last, so that large ones stay on
/// boundaries of pages where their sizes allow it. Throws Error(impossible), naming the layer, the reason and the way out, for
/// what the era cannot say or its own loader could not restore; Error(usage) for an era that is never written.
[[nodiscard]] Encoded encode(const PromptCache& cache, Era era, const EncodeOptions& options = {});

/// The era in which an edited document is written: the newest it could have been written by that can be written at all, so that
/// an edit never changes the format. Throws Error(impossible) when there is none.
[[nodiscard]] Era era_to_keep(const Document& document);

/// Children of a CacheList for files that forgot them: "KVCache,ArraysCache:2,..." applied to every CacheList that lost its
/// children. Returns a document whose lists are rebuilt. Throws Error(usage) for a bad spec, Error(impossible) when arrays do
/// not fit.
void restore_children(Document& document, std::string_view spec);

/// Printable form of text from a file, cut to `limit` characters. Escaped are control characters (C0, DEL, C1), what breaks or
/// reorders lines (U+2028-202E, U+2066-2069) and invalid UTF-8.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 80);

/// A word of a command line that can be pasted into a shell as it is: quoted where it has to be, control characters and invalid
/// UTF-8 as $'\033', never cut.
[[nodiscard]] std::string shell_word(std::string_view text);
/// The same for a path: never taken for an option, FILE for standard input, which no second command can read.
[[nodiscard]] std::string shell_path(std::string_view path);

}  // namespace kvcache

// A stamp: what a cache file says about itself, stored as user metadata. It makes damage, another model and another prompt
// visible, none of which the formats themselves can show. docs/formats.md has the JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/finding.h"
#include "kvcache/format.h"

namespace [[gnu::visibility("default")]] kvcache {

/// The one key of user metadata that holds it.
inline constexpr std::string_view stamp_key = "kvcache_stamp";

/// The ids of the prompt, or their digest alone.
struct StampTokens {
  std::uint64_t count = 0;                       ///< how many
  std::string sha256;                            ///< of the ids as little-endian 32-bit integers, 64 hex digits
  std::optional<std::vector<std::int32_t>> ids;  ///< never negative
};

/// Every part may be absent: a reader uses what is there.
struct Stamp {
  std::string time;                                           ///< RFC 3339, UTC
  std::string tool;                                           ///< "kvcache 0.1.0"
  std::optional<std::map<std::string, std::uint32_t>> crc32;  ///< zlib's, of every array's bytes by its key in the file
  std::map<std::string, std::string> model_sha256;            ///< of files of the model by name, 64 hex digits
  std::string model_type;                                     ///< of the model's config.json, or empty
  std::optional<StampTokens> tokens;                          ///< of the prompt
  std::optional<std::string> text;                            ///< of the prompt
};

/// One line of ASCII.
[[nodiscard]] std::string to_json(const Stamp& stamp);
/// Throws Error(unreadable, code KV801) for what is no stamp: other JSON, wrong types, a key twice, a newer version. Unknown
/// keys are ignored.
[[nodiscard]] Stamp parse_stamp(std::string_view json);
/// The stamp of a cache, or nothing. Throws as parse_stamp().
[[nodiscard]] std::optional<Stamp> find_stamp(const PromptCache& cache);

/// CRC-32 of the bytes of each array, by key, in one streaming pass. `threads` 0: as many as there are cores.
[[nodiscard]] std::map<std::string, std::uint32_t> checksums(const std::vector<NamedTensor>& tensors, unsigned threads = 0,
                                                             const Progress& progress = {}, const StopToken& stop = {});
/// Count and digest of token ids, and the ids.
[[nodiscard]] StampTokens stamp_tokens(std::vector<std::int32_t> ids);
/// Ids from a text: a JSON list, or integers separated by blanks, line breaks or commas. Throws Error(usage).
[[nodiscard]] std::vector<std::int32_t> parse_token_ids(std::string_view text);

/// What a stamp is to say, beside checksums.
struct StampRequest {
  std::string time;                                    ///< as Stamp::time
  std::string tool;                                    ///< as Stamp::tool
  std::map<std::string, std::string> model_sha256;     ///< empty: not given
  std::string model_type;                              ///< beside them; empty: not known
  std::optional<std::vector<std::int32_t>> token_ids;  ///< nothing: not given
  std::optional<std::string> text;                     ///< nothing: not given; UTF-8
  unsigned threads = 0;                                ///< as for checksums()
  Progress progress;                                   ///< bytes of the arrays
  StopToken stop = {};                                 ///< as for checksums()
};

/// The stamp for a cache as it will be written, replacing the one that it has: checksums anew, and what is not given from the
/// earlier stamp. Reads all data. Throws Error(impossible) when the number of ids is not that of the cache's tokens, for a
/// prompt beside a batch of several, and when the data do not agree with the earlier stamp: damage would be hidden by it.
[[nodiscard]] Stamp make_stamp(const PromptCache& cache, const Encoded& encoded, const StampRequest& request);

/// What became of the stamp in an edited cache.
struct CarriedStamp {
  bool present = false;              ///< the edited cache had one
  std::vector<std::string> dropped;  ///< "checksums", "token ids", "text": what no longer holds
  bool empty = false;                ///< nothing was left of it
};

/// Call between encode() and writing: leaves in the encoded stamp only what is still true. Checksums stay, under the keys of
/// the new file, if every array is one of the input's, byte for byte; the prompt stays if the number of tokens did; the model
/// stays. A stamp that the edit itself set, or that cannot be read, is left alone. Reads no data of large arrays.
CarriedStamp carry_stamp(const Document& input, const PromptCache& edited, Encoded& encoded);

}  // namespace kvcache

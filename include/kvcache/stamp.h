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
#include "kvcache/model_config.h"
#include "kvcache/release.h"

namespace [[gnu::visibility("default")]] kvcache {

struct VerifyOptions;

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
/// SHA-256 as 64 hex digits.
[[nodiscard]] std::string sha256(std::string_view bytes);
/// SHA-256 by name of config.json and of those tokenizer files that a model's folder has. Throws Error(io).
[[nodiscard]] std::map<std::string, std::string> model_digests(const std::string& folder);
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

/// A prompt cache that was written.
struct Saved {
  std::uint64_t bytes = 0;            ///< of the file
  std::vector<std::string> warnings;  ///< as in Encoded
  CarriedStamp stamp;                 ///< what is left of it
};

/// encode_edited(), carry_stamp() and write_safetensors() in one: the cache of a document, edited or not, into a file of its
/// format. Throws what they throw, and leaves no file behind then. Everything lazy is computed now, in one streaming pass;
/// `how.progress` is told about it. Another format: `target`.
Saved save_document(const std::string& path, const Document& document, const std::optional<Target>& target = {},
                    const WriteOptions& how = {}, const EncodeOptions& options = {});
/// The same into any sink, which is aborted when anything throws.
Saved save_document(ByteSink& out, const Document& document, const std::optional<Target>& target = {},
                    const WriteOptions& how = {}, const EncodeOptions& options = {});

/// A model's folder, to compare files with.
struct ModelFolder {
  std::string path;                           ///< as given
  std::map<std::string, std::string> sha256;  ///< model_digests()
  std::optional<ModelConfig> config;          ///< nothing: what this model caches is not known here
  std::string why_no_config;                  ///< in words, or empty
  std::optional<ModelConfig> swift_config;    ///< as mlx-swift-lm makes its caches; nothing: as `config`
};
/// Throws Error(io) for what cannot be read, Error(unreadable) for a config.json that is none. One that does not tell the
/// caches is no error: why_no_config says why.
[[nodiscard]] ModelFolder read_model_folder(const std::string& path);

/// KV801 to KV805: reads all data that the stamp has checksums of.
[[nodiscard]] Findings check_stamp(const Document& document, const VerifyOptions& options);
/// KV81x: layers, classes, heads, dims and windows; KV821: digests of a stamp.
/// `code`: whose caches they are compared with; by default those of the runtime whose file it is.
[[nodiscard]] Findings check_model(const Document& document, const ModelFolder& model, std::optional<ModelCode> code = {});

}  // namespace kvcache

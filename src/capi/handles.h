// What is behind the handles of kvcache_c.h.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kvcache/edit.h"
#include "kvcache/kvcache_c.h"
#include "kvcache/verify.h"

struct kvcache_stop {
  kvcache::StopToken token = kvcache::StopToken::make();
};

struct kvcache_buffer {
  std::vector<std::byte> bytes;
};

struct kvcache_result {
  std::uint64_t bytes = 0;
  std::vector<std::string> warnings;
  std::vector<std::string> dropped;
};

namespace kvcache::capi {

/// A verdict, and what it proposes as the tool words it.
struct Verdict {
  LoadVerdict of;
  std::string fix;
};

/// What was asked of a cache and is borrowed by who asked. Each part is made when it is first wanted, and stays where it is.
struct Answers {
  std::optional<std::vector<Facts>> facts;
  std::optional<std::vector<std::vector<Cache::Part>>> arrays;
  std::unique_ptr<const Document> as_saved;  ///< of an edited cache
  std::optional<Findings> findings;
  std::vector<std::string> places;  ///< of findings, in words
  std::vector<std::string> hints;   ///< of findings, as the tool words them
  std::map<std::string, Verdict, std::less<>> verdicts;
};

/// How far a document was looked at before edits.
enum class Checked { no, intact, sound };

}  // namespace kvcache::capi

/// A document, its edits, and where they lead.
struct kvcache_cache {
  explicit kvcache_cache(kvcache::Document opened)
      : document(std::move(opened)), file_bytes(document.file.disk_bytes()), gzip(document.file.gzip()) {}

  kvcache::Document document;             ///< what was opened, or stamped since; its cache with the edits
  std::uint64_t file_bytes;               ///< of what was opened
  bool gzip;                              ///< what was opened is compressed
  std::optional<kvcache::Target> target;  ///< another format
  kvcache::EncodeOptions encoding;
  std::vector<std::string> warnings;  ///< of edits
  bool edited = false;
  kvcache::capi::Checked checked = kvcache::capi::Checked::no;
  /// A repair that encoding the layers anew would undo, as long as nothing else is edited.
  std::shared_ptr<const kvcache::Encoded> repaired;
  const kvcache::Dialect* repaired_format = nullptr;
  bool as_it_is = false;  ///< there was nothing to repair: saved byte for byte

  mutable std::mutex mutex;  ///< of `answers`
  mutable kvcache::capi::Answers answers;
};

namespace kvcache::capi {

/// Another document of the same contents.
[[nodiscard]] Document copy_of(const Document& document);
/// As it would be written.
[[nodiscard]] Encoded encoded(const kvcache_cache& cache);
/// In which format: nullptr where that is not one.
[[nodiscard]] const Dialect* format_of(const kvcache_cache& cache);

}  // namespace kvcache::capi

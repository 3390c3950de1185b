// Files of slotstream's prefix cache: heads (.slotprefix) and the segments (.slotseg) with their rows. For looking at and
// checking alone: they hold the state of one family of models, which no other program has.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/byte_source.h"

namespace kvcache::foreign {

struct SlotstreamFile {
  /// Bytes in the file, with a checksum.
  struct Payload {
    std::string name;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint32_t crc32 = 0;
    std::int64_t start = 0;  ///< of a segment: first row
    std::int64_t end = 0;    ///< row after the last
  };
  /// Rows of an array of a head that are in a segment.
  struct Extent {
    std::string array;
    std::string segment;  ///< name of a file in the same folder
    std::int64_t start = 0;
    std::int64_t end = 0;
  };
  bool head = false;  ///< else a segment
  std::int64_t format = 0;
  std::string identity;  ///< digest of code, model and settings
  std::int64_t tokens = 0;
  std::vector<std::int32_t> ids;  ///< of a head
  std::uint64_t linear_layers = 0;
  std::uint64_t attention_layers = 0;
  std::vector<Payload> payloads;
  std::vector<Extent> extents;
};

inline constexpr std::string_view slotstream_magic = "SLOTPFX1";

/// Whether a file name is that of a segment: what a head names is opened only then.
[[nodiscard]] bool is_slotstream_segment(std::string_view name);

/// Reads footer, header and ids. Throws Error(unreadable): code KV123 for a format that is not known here.
[[nodiscard]] SlotstreamFile read_slotstream_file(const ByteSource& source);

/// Payloads whose bytes are not those of their checksums, by name. Reads all of them.
[[nodiscard]] std::vector<std::string> damaged_payloads(const ByteSource& source, const SlotstreamFile& file);

}  // namespace kvcache::foreign

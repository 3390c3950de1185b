// The container: reading it strictly, writing it atomically.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/byte_sink.h"
#include "kvcache/byte_source.h"
#include "kvcache/dtype.h"
#include "kvcache/finding.h"
#include "kvcache/progress.h"
#include "kvcache/stop.h"
#include "kvcache/tensor.h"

namespace [[gnu::visibility("default")]] kvcache {

/// One tensor of a header. Offsets are bytes relative to the start of the data section.
struct TensorEntry {
  std::string key;          ///< any bytes: escape before printing (printable() in format.h)
  Dtype dtype = Dtype::U8;  ///< of every element
  Shape shape;              ///< its bytes are end - begin
  std::uint64_t begin = 0;  ///< first byte
  std::uint64_t end = 0;    ///< byte after the last
  /// Bytes of the tensor.
  [[nodiscard]] std::uint64_t nbytes() const noexcept { return end - begin; }
};

/// Keys and values of `__metadata__`.
using Metadata = std::map<std::string, std::string>;

/// A parsed header. Entries are sorted by key, byte-wise.
struct Header {
  std::vector<TensorEntry> tensors;  ///< by key
  Metadata metadata;                 ///< empty for absent, null and {}
  std::uint64_t data_begin = 0;      ///< where the data section starts in the file, bytes
  std::uint64_t file_bytes = 0;      ///< size of the (decompressed) file
  Findings defects;                  ///< what is wrong but readable: KV118 overlap, KV119 hole, KV120 trailing bytes,
                                     ///< KV121 padding
  /// The entry with this key, or nullptr.
  [[nodiscard]] const TensorEntry* find(std::string_view key) const noexcept;
};

namespace detail {
class File;
class StoredArrays;
struct HeaderOnly;
}

/// An open safetensors file. Cheap to copy (shares the descriptor).
class SafetensorsFile {
 public:
  /// Opens and parses `path`. Input that starts with the gzip magic is decompressed into an unlinked temporary file; what comes
  /// through a pipe (a FIFO, a shell's <(COMMAND)) is copied into one. Reads the header only. Never waits for the writer of a
  /// FIFO to come, never opens a device.
  /// Throws Error(io, code KV100) or Error(unreadable, code KV101...KV117, KV130, KV131) for the first defect.
  static SafetensorsFile open(const std::string& path);
  /// The same of any source, which it keeps. `label`: what path() says; empty: the source's own.
  static SafetensorsFile open(std::shared_ptr<const ByteSource> source, std::string label = {});
  /// The same of what comes once and in order from a descriptor of the caller's (0 is standard input), which stays open: copied
  /// into an unlinked temporary file, no further than the header asks for. `label`: what path() says.
  static SafetensorsFile open_stream(int descriptor, const std::string& label);

  /// What the file says it holds.
  [[nodiscard]] const Header& header() const noexcept { return *header_; }
  /// As given to open(): what messages call it.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Whether path() is the name of a file, by which other programs know it too: not of a stream, nor of memory.
  [[nodiscard]] bool named() const noexcept { return named_; }
  /// It was compressed.
  [[nodiscard]] bool gzip() const noexcept { return gzip_; }
  /// Bytes of the file as it lies on disk (compressed size for gzip).
  [[nodiscard]] std::uint64_t disk_bytes() const noexcept { return disk_bytes_; }
  /// Lazy tensor of an entry of this header.
  [[nodiscard]] Tensor tensor(const TensorEntry& entry) const;
  /// Its bytes, decompressed.
  [[nodiscard]] const std::shared_ptr<const ByteSource>& source() const noexcept { return source_; }

 private:
  friend struct detail::HeaderOnly;
  /// What of a compressed source is read: its start, or nothing where all of it has to be.
  using StartOf = std::shared_ptr<const ByteSource> (*)(const std::shared_ptr<const ByteSource>& raw);
  static SafetensorsFile open(std::shared_ptr<const ByteSource> source, std::string label, StartOf start_of);
  static SafetensorsFile spooled(const detail::File& file, const std::string& label);
  void set_header(Header header);

  std::shared_ptr<const Header> header_;
  std::shared_ptr<const detail::StoredArrays> arrays_;
  std::shared_ptr<const ByteSource> source_;
  std::string path_;
  bool named_ = false;
  bool gzip_ = false;
  std::uint64_t disk_bytes_ = 0;
};

/// Parse a header from a source: what open() does after opening. For tests, fuzzers and other containers.
[[nodiscard]] Header parse_header(const ByteSource& source);

/// A tensor to write.
struct NamedTensor {
  std::string key;  ///< in the header
  Tensor tensor;    ///< evaluated while it is written
};

/// How to write.
struct WriteOptions {
  bool overwrite = false;         ///< replace an existing file; otherwise Error(usage) when it exists
  bool gzip = false;              ///< compress the output
  bool private_mode = true;       ///< create with 0600 (masked by umask)
  std::string keep_mode_of = {};  ///< instead: take owner and permissions of this existing file (for --in-place)
  bool durable = true;            ///< wait until the file is on the disk (FileSinkOptions)
  unsigned threads = 0;           ///< 0: as many as there are cores
  Progress progress = {};         ///< at most twenty times per second, and at the end
  StopToken stop = {};            ///< looked at between pieces of 8 MiB
};

/// Write a file atomically in one streaming pass with bounded memory: a temporary file beside the target (nameless where the
/// file system can), data, fsync, rename, fsync of the folder. The bytes depend on tensors and metadata only. The header's keys
/// are in byte order, data in the order given, the header padded with spaces so that data starts at a multiple of 64 bytes, or
/// of 4096 in files of more than 4 MiB. Empty metadata is written as null. A symbolic link is followed: its target is replaced.
/// On any error or stop nothing is left behind and an existing file is untouched. Returns the number of bytes written.
/// Throws Error(usage) for an existing file or a folder, Error(io), Error(interrupted), and whatever evaluating tensors throws.
std::uint64_t write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors, const Metadata& metadata,
                                const WriteOptions& options = {});

/// Write a file that was read as it is, byte for byte (decompressed, unless `options` compress it). In everything else as
/// write_safetensors().
std::uint64_t copy_safetensors(const std::string& path, const SafetensorsFile& file, const WriteOptions& options = {});
/// The same into any sink, as below.
std::uint64_t copy_safetensors(ByteSink& out, const SafetensorsFile& file, const WriteOptions& options = {});
/// The same bytes into any sink: committed when all of them are in it, aborted when anything throws. What `options` says of
/// files (overwrite, private_mode, keep_mode_of, durable) is for whoever makes the sink. Returns the number of bytes written.
std::uint64_t write_safetensors(ByteSink& out, const std::vector<NamedTensor>& tensors, const Metadata& metadata,
                                const WriteOptions& options = {});

/// The exact bytes before the data section, for files of these tensors: length, JSON, padding.
[[nodiscard]] std::string render_header(const std::vector<NamedTensor>& tensors, const Metadata& metadata);

}  // namespace kvcache

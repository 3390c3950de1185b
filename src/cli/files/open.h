// Opening what a user has named: a file, "-" for standard input, or an address (https://, s3://, hf://). The one door to inputs
// of all commands.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "kvcache/byte_sink.h"
#include "kvcache/document.h"

namespace kvcache::cli {

/// As SafetensorsFile::open(). What path() says of an address has no credentials in it.
[[nodiscard]] SafetensorsFile open_named(const Context& context, const std::string& name);
/// As read_document(), read_sound_document() and read_intact_document().
[[nodiscard]] Document read_named(const Context& context, const std::string& name);
[[nodiscard]] Document read_sound_named(const Context& context, const std::string& name);
[[nodiscard]] Document read_intact_named(const Context& context, const std::string& name);

/// Token ids of a file ("-": standard input): a JSON list, integers as text, a NumPy file (.npy) or 32-bit little-endian
/// integers. Throws Error(io), Error(usage) about that file for anything else, and where there are none.
[[nodiscard]] std::vector<std::int32_t> read_token_ids(Context& context, const std::string& name);

/// As write_safetensors() and copy_safetensors(), to a file, standard output, or an address of s3.
std::uint64_t write_named(const Context& context, const std::string& name, const std::vector<NamedTensor>& tensors,
                          const Metadata& metadata, const WriteOptions& options);
std::uint64_t copy_named(const Context& context, const std::string& name, const SafetensorsFile& file,
                         const WriteOptions& options);

/// A sink for an address of s3, where nothing is yet unless it may be overwritten. Throws Error(usage), Error(io).
[[nodiscard]] std::unique_ptr<ByteSink> remote_sink(const Context& context, const std::string& name, bool overwrite);

}  // namespace kvcache::cli

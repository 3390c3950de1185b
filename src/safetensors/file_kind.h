// What a file is that is no safetensors file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kvcache/byte_source.h"
#include "kvcache/error.h"

namespace kvcache::detail {

/// A kind of file that turns up where a cache was to be.
struct FileKind {
  std::string_view name;  ///< with its article: "a zip archive"
  std::string_view hint;  ///< what to do
  /// It stands for a file that is not there, and that may be a cache: a pointer, or nothing at all.
  bool placeholder = false;
  /// Somebody's answer where a cache was asked for: what a failed download leaves.
  bool answer = false;
};

/// How much of the start of a file tells its kind. tar has its magic at byte 257.
inline constexpr std::size_t file_kind_bytes = 512;

/// What begins like this, or nullptr: a safetensors file, or something unknown.
[[nodiscard]] const FileKind* file_kind(std::string_view start) noexcept;

/// What is in a source, compressed or not; nullptr also when it cannot be read. Throws nothing but Error(interrupted).
[[nodiscard]] const FileKind* file_kind_of(const ByteSource& source);

/// The defect of a container that begins with `start`, thrown with what the file is where that is known.
[[noreturn]] void throw_naming_kind(const Error& defect, std::string_view start);

}  // namespace kvcache::detail

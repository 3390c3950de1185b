// The steps of parse_header(), for input that is still arriving.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kvcache/safetensors.h"

namespace kvcache::detail {

inline constexpr std::uint64_t length_field_bytes = 8;
/// What MLX reads; the field of a file that is not safetensors at all is nearly always larger.
inline constexpr std::uint64_t max_header_bytes = 100'000'000;
/// Tensors, and entries of the metadata. A million would take a gigabyte and half a minute in what comes after; caches of the
/// largest models have a few thousand.
inline constexpr std::size_t max_members = 65'536;

/// The length field at the start of a file. Throws Error(unreadable): KV102, KV103.
[[nodiscard]] std::uint64_t parse_length(const std::array<std::byte, length_field_bytes>& field);
/// End of the last tensor of the header, if the file were as long as it has to be. The source has at least the header's bytes.
[[nodiscard]] std::uint64_t end_of_data(const ByteSource& source, std::uint64_t header_bytes);
/// KV118, KV119, KV120: how the tensors lie in the data section.
[[nodiscard]] Findings check_tiling(const Header& header);

}  // namespace kvcache::detail

// What the names of files are made of in the folders of several projects.
#pragma once

#include <cstddef>
#include <string_view>

namespace kvcache::foreign {

inline constexpr std::string_view safetensors_ending = ".safetensors";
/// Hex digits of a SHA-256.
inline constexpr std::size_t hash_digits = 64;

}  // namespace kvcache::foreign

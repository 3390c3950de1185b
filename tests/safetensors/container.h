// Making safetensors files byte by byte.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/safetensors.h"

namespace test {

inline std::vector<std::byte> bytes(std::string_view text) {
  std::vector<std::byte> out(text.size());
  if (!text.empty()) std::memcpy(out.data(), text.data(), text.size());
  return out;
}

inline std::string little_endian(std::uint64_t value) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

/// A file of this header and data.
inline std::string container(std::string_view json, std::string_view data = {}) {
  return little_endian(json.size()) + std::string(json) + std::string(data);
}

inline kvcache::Header parse(std::string_view file) {
  return kvcache::parse_header(*kvcache::memory_source(bytes(file)));
}

}  // namespace test

// Encoded caches as files, and what is in them.
#pragma once

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "kvcache/format.h"
#include "support/folder.h"

namespace test {

inline std::vector<std::byte> bytes_of(const kvcache::Tensor& tensor) {
  std::vector<std::byte> bytes(tensor.nbytes());
  tensor.read(0, bytes);
  return bytes;
}

/// Decode what was encoded, by way of a file. Not the library's writer, which waits for the disk.
inline kvcache::Document written(const Folder& folder, const std::vector<kvcache::NamedTensor>& tensors,
                                 const kvcache::Metadata& metadata) {
  std::string file = kvcache::render_header(tensors, metadata);
  for (const auto& [key, tensor] : tensors) {
    const std::vector<std::byte> bytes = bytes_of(tensor);
    file.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  const std::string path = folder / "cache.safetensors";
  std::filesystem::remove(path);  // a document that was read before keeps its file
  write_file(path, file);
  return kvcache::read_document(path);
}

inline kvcache::Document written(const Folder& folder, const kvcache::Encoded& encoded) {
  return written(folder, encoded.tensors, encoded.metadata);
}

/// Everything that ends up in the file, comparable.
using Contents =
    std::pair<kvcache::Metadata, std::vector<std::tuple<std::string, kvcache::Dtype, kvcache::Shape, std::vector<std::byte>>>>;
inline Contents contents_of(const kvcache::Encoded& encoded) {
  Contents out{encoded.metadata, {}};
  for (const auto& [key, tensor] : encoded.tensors)
    out.second.emplace_back(key, tensor.dtype(), tensor.shape(), bytes_of(tensor));
  return out;
}

/// "KV301 KV503" in the order of reporting.
inline std::string codes_in(const kvcache::Findings& findings) {
  std::string out;
  for (const kvcache::Finding& finding : findings) out += (out.empty() ? "" : " ") + finding.code;
  return out;
}

/// Every era that can be written.
inline std::vector<kvcache::Era> writable_eras() {
  std::vector<kvcache::Era> out;
  for (const kvcache::Dialect& d : kvcache::dialects())
    if (d.writable) out.push_back(d.era);
  return out;
}

/// Letters of a set: "P3 P4 R1".
inline std::string letters(kvcache::EraSet eras) {
  std::string out;
  for (const kvcache::Dialect& d : kvcache::dialects())
    if (eras.has(d.era)) out += (out.empty() ? "" : " ") + std::string(d.letter);
  return out;
}

}  // namespace test

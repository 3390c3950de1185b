// What loaders need beyond the bytes: a name, and no compression.
#include <fmt/format.h>

#include <filesystem>

#include "verify/rules.h"

namespace kvcache::detail {
namespace {

constexpr std::string_view suffix = ".safetensors";

bool has_wrong_name(const Document& document) {
  return document.file.named() && !document.file.path().ends_with(suffix);
}

}  // namespace

std::optional<std::string> cannot_open(const Document& document, Family loader) {
  if (document.file.gzip()) return "the file is compressed, and no loader reads gzip";
  // mlxrs takes a file for what it is.
  if (loader != Family::mlxrs && has_wrong_name(document))
    return fmt::format("its loader goes by the name of a file, which has to end in {}", suffix);
  return std::nullopt;
}

std::string how_to_open(const Document& document) {
  const std::string& path = document.file.path();
  if (document.file.gzip()) {
    // What only ends in .gz has its name inside; else the one that it has is taken.
    const bool named = path.ends_with(fmt::format("{}.gz", suffix));
    const std::string out = named ? shell_path(path.substr(0, path.size() - 3)) : fmt::format("OUT{}", suffix);
    return fmt::format("gzip -dc {} > {}", document.file.named() ? shell_path(path) : "FILE", out);
  }
  const std::filesystem::path from(path);
  std::string to = from.has_extension() && from.has_stem() ? from.parent_path() / from.stem() : from;
  if (!to.ends_with(suffix)) to += suffix;
  return fmt::format("mv {} {}", shell_path(path), shell_path(to));
}

}  // namespace kvcache::detail

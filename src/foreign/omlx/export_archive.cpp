// To .omlxzip: a prompt with its blocks in one file, which a running omlx imports.
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/sha256.h"
#include "common/utc_text.h"
#include "foreign/export.h"
#include "foreign/omlx/prompt_blocks.h"
#include "foreign/zip_writer.h"
#include "kvcache/byte_sink.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using omlx::OrderedFile;
using omlx::PromptBlocks;

/// As omlx names an archive: the model as far as file names go, tokens, and when.
std::string usual_name(const PromptBlocks& blocks, std::time_t now) {
  std::string model = blocks.settings().model;
  for (char& c : model)
    if (std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-").find(c) == std::string_view::npos)
      c = '_';
  constexpr std::size_t most_name = 80;
  return fmt::format("kvart_{}_{}tok_{}.omlxzip", model.substr(0, most_name), blocks.tokens(),
                     kvcache::detail::utc_text(now, "%Y%m%dT%H%M%SZ"));
}

/// One file of the archive, and what the manifest says of it.
struct Part {
  std::string path;
  std::uint64_t size = 0;
  std::string sha256 = std::string(64, '0');  // until it is written
};

std::uint64_t size_of(const OrderedFile& file) {
  return file.header().size() + file.data_bytes();
}

/// The member, whose digest is then known.
void add_part(ZipWriter& zip, Part& part, const OrderedFile& file) {
  detail::Sha256 sum;
  zip.add(part.path, part.size, [&](const ZipWriter::Take& take) {
    omlx::each_piece(file, [&](std::span<const std::byte> piece) {
      sum.update(piece);
      take(piece);
    });
  });
  part.sha256 = sum.hex();
}

std::string manifest(const ExportRequest& request, const PromptBlocks& blocks, const std::vector<Part>& parts, const Part* gdn,
                     std::time_t now) {
  nlohmann::json list = nlohmann::json::array();
  for (std::size_t i = 0; i < parts.size(); ++i)
    list.push_back({{"hash", blocks.hashes()[i]},
                    {"path", parts[i].path},
                    {"size", parts[i].size},
                    {"sha256", parts[i].sha256},
                    {"token_count", blocks.settings().block_size},
                    {"model_name", blocks.settings().model},
                    {"num_layers", request.cache->layers.size()},
                    {"cache_signature", blocks.signature()}});
  nlohmann::json sidecars = nlohmann::json::array();
  if (gdn != nullptr)
    sidecars.push_back({{"source_hash", blocks.hashes().back()},
                        {"sig_digest", blocks.gdn_settings()},
                        {"path", gdn->path},
                        {"size", gdn->size},
                        {"sha256", gdn->sha256},
                        {"token_count", blocks.tokens()}});
  const nlohmann::json out = {{"format_version", 1},
                              {"created_at", kvcache::detail::utc_text(now)},
                              {"engine_version", "kvcache"},
                              // What omlx itself says there, also where its blocks are of format 5.
                              {"cache_format_version", "3"},
                              {"model_name", blocks.settings().model},
                              {"block_size", blocks.settings().block_size},
                              {"restorable_tokens", blocks.tokens()},
                              {"token_ids", request.ids},
                              {"blocks", std::move(list)},
                              {"gdn_sidecars", std::move(sidecars)}};
  return out.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Exported export_omlxzip(const ExportRequest& request) {
  const PromptBlocks blocks(request);
  const std::time_t now = std::time(nullptr);
  std::string path = request.folder;
  if (fs::path(path).extension() != ".omlxzip") {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) throw Error(ErrorKind::io, fmt::format("{} cannot be made: {}", printable(path, 500), error.message()));
    path += "/" + usual_name(blocks, now);
  }
  std::vector<Part> parts;
  for (std::size_t i = 0; i < blocks.hashes().size(); ++i)
    parts.push_back({fmt::format("blocks/{}.safetensors", blocks.hashes()[i]), size_of(blocks.block(i))});
  Part gdn;
  if (blocks.has_gdn())
    gdn = {fmt::format("gdn/{}/{}.safetensors", blocks.gdn_settings(), blocks.hashes().back()), size_of(blocks.gdn())};
  const auto text = [&] { return manifest(request, blocks, parts, gdn.path.empty() ? nullptr : &gdn, now); };

  FileSinkOptions how;
  how.overwrite = request.overwrite;
  const std::unique_ptr<ByteSink> sink = file_sink(path, how);
  ZipWriter zip(*sink, now);
  // It comes first, and its digests are known last.
  const std::size_t first = zip.leave_room("manifest.json", text().size());
  for (std::size_t i = 0; i < parts.size(); ++i) add_part(zip, parts[i], blocks.block(i));
  if (!gdn.path.empty()) add_part(zip, gdn, blocks.gdn());
  const std::string final_text = text();
  zip.fill(first, std::as_bytes(std::span(final_text.data(), final_text.size())));
  Exported out{path, zip.finish(), blocks.tokens(), blocks.notes()};
  sink->commit();
  return out;
}

}  // namespace kvcache::foreign

// To omlx' paged cache: a block per file, the ids beside it, and recurrent state in a folder of its own.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "foreign/export.h"
#include "foreign/omlx/folder.h"
#include "foreign/omlx/gdn_sidecar.h"
#include "foreign/omlx/prompt_blocks.h"
#include "foreign/row_tools.h"
#include "kvcache/byte_sink.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using omlx::OrderedFile;
using omlx::PromptBlocks;

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

/// Files of one export: all of them, or none that was not there before.
class Batch {
 public:
  explicit Batch(bool overwrite) : overwrite_(overwrite) {}
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() {
    std::error_code ignored;
    if (!kept_)
      for (const std::string& path : made_) fs::remove(path, ignored);
  }

  void write(const std::string& path, const OrderedFile& file) {
    const std::unique_ptr<ByteSink> sink = begin(path);
    sink->reserve(file.header().size() + file.data_bytes());
    std::uint64_t at = 0;
    omlx::each_piece(file, [&](std::span<const std::byte> piece) {
      sink->write_at(at, piece);
      at += piece.size();
    });
    end(path, *sink);
    bytes_ += at;
  }
  void write(const std::string& path, std::string_view text) {
    const std::unique_ptr<ByteSink> sink = begin(path);
    sink->write_at(0, std::as_bytes(std::span(text.data(), text.size())));
    end(path, *sink);
    bytes_ += text.size();
  }
  void keep() { kept_ = true; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] std::unique_ptr<ByteSink> begin(const std::string& path) {
    was_there_ = is_there(path);
    std::error_code error;
    const fs::path folder = fs::path(path).parent_path();
    fs::create_directories(folder, error);
    if (error)
      throw Error(ErrorKind::io, fmt::format("{} cannot be made: {}", printable(folder.string(), 500), error.message()));
    FileSinkOptions how;
    how.overwrite = overwrite_;
    return file_sink(path, how);
  }
  void end(const std::string& path, ByteSink& sink) {
    sink.commit();
    if (!was_there_) made_.push_back(path);
  }

  bool overwrite_;
  bool was_there_ = false;
  bool kept_ = false;
  std::uint64_t bytes_ = 0;
  std::vector<std::string> made_;
};

/// Why a block that is there does not serve as one that would be written. Empty: it does.
std::string difference(const std::string& path, const PromptBlocks& blocks, bool needs_state) {
  try {
    const omlx::Block block = omlx::read_block(path);
    if (block.facts.signature != blocks.signature()) return "it is there with other settings than those of this export";
    if (!needs_state) return {};
    std::vector<std::int64_t> without = omlx::layers_without_state(block);
    // Recurrent layers have it beside the block.
    if (blocks.settings().split())
      std::erase_if(without, [&](std::int64_t i) {
        return omlx::canonical_class(block.facts.classes[static_cast<std::size_t>(i)]) == "ArraysCache";
      });
    if (without.empty()) return {};
    return fmt::format("it is there without the state of layer {}", without.front());
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return fmt::format("it is there and cannot be used: {}", error.what());
  }
}

bool is_sound_gdn(const std::string& path, std::int64_t tokens) {
  try {
    return omlx::read_gdn(LazyFile::open(path)).token_count == tokens;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return false;
  }
}

/// The folder that has folders 0 to f. One that has a level of models is none.
void check_folder(const std::string& path) {
  if (!is_there(path)) return;
  FolderLook look;
  look.path = path;
  look.folders = folders_in(path);
  const auto is_digit = [](const std::string& name) { return name.size() == 1; };
  if (!omlx::is_block_folder(look) || std::ranges::any_of(look.folders, is_digit)) return;
  throw Error(ErrorKind::usage, fmt::format("{} has a folder for each model", printable(path, 500)),
              "-o DIR/MODEL: the folder of this model");
}

/// Where a server looks for recurrent state: in the folder, or beside it where models are a level of their own.
std::string gdn_root(const std::string& folder) {
  const fs::path beside = fs::path(folder).lexically_normal().parent_path() / "_gdn_sidecars";
  if (!is_there(folder + "/_gdn_sidecars") && is_there(beside.string())) return beside.string();
  return folder + "/_gdn_sidecars";
}

}  // namespace

Exported export_omlx(const ExportRequest& request) {
  const PromptBlocks blocks(request);
  check_folder(request.folder);
  const std::vector<std::string>& hashes = blocks.hashes();
  // What cannot be written is known before there is a file.
  static_cast<void>(blocks.block(hashes.size() - 1).header());
  const auto path_of = [&](const std::string& hash, std::string_view extension) {
    return fmt::format("{}/{}/{}{}", request.folder, hash.substr(0, 1), hash, extension);
  };
  std::vector<bool> there(hashes.size());
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const std::string path = path_of(hashes[i], ".safetensors");
    if (!is_there(path)) continue;
    const std::string why = difference(path, blocks, i + 1 == hashes.size());
    there[i] = why.empty();
    if (!why.empty() && !request.overwrite)
      throw Error(ErrorKind::usage, fmt::format("block {} ({}): {}", i, hashes[i].substr(0, 12), why),
                  Remedy(Remedy::Action::repeat, {{"overwrite", ""}}) + " replaces it");
  }
  Batch batch(request.overwrite);
  if (blocks.has_gdn()) {
    const std::string path =
        fmt::format("{}/{}/{}.safetensors", gdn_root(request.folder), blocks.gdn_settings(), hashes.back());
    if (!is_there(path) || !is_sound_gdn(path, blocks.tokens())) batch.write(path, blocks.gdn());
  }
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (!there[i]) batch.write(path_of(hashes[i], ".safetensors"), blocks.block(i));
    if (const std::string path = path_of(hashes[i], ".tokens"); !is_there(path)) batch.write(path, blocks.tokens_file(i));
  }
  batch.keep();
  Exported out{request.folder, batch.bytes(), blocks.tokens(), blocks.notes()};
  const auto kept = static_cast<std::size_t>(std::ranges::count(there, true));
  if (kept > 0) out.notes.push_back(fmt::format("{} of {} blocks were there already and are kept", kept, hashes.size()));
  out.notes.push_back(
      fmt::format("{} of {} tokens each, of model '{}': omlx looks for them when it starts: export while it is "
                  "stopped",
                  hashes.size() == 1 ? "1 block" : fmt::format("{} blocks", hashes.size()), blocks.settings().block_size,
                  printable(blocks.settings().model)));
  return out;
}

}  // namespace kvcache::foreign

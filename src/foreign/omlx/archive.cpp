#include "foreign/omlx/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "common/sha256.h"
#include "foreign/json_text.h"
#include "foreign/omlx/block_hash.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "stamp/crc32.h"

namespace kvcache::foreign::omlx {
namespace {

constexpr std::uint64_t most_manifest = std::uint64_t{64} << 20U;

[[noreturn]] void refuse_archive(const std::string& why, std::string_view code = "KV911") {
  throw Error(ErrorKind::unreadable, why, {}, std::string(code));
}

constexpr std::string_view block_key = "hash";

PromptArchive::Part part_in(const Json& object, std::string_view hash_key) {
  PromptArchive::Part part;
  const auto size = integer_member(object, "size");
  part.hash = text_member(object, hash_key).value_or("");
  part.path = text_member(object, "path").value_or("");
  part.sha256 = text_member(object, "sha256").value_or("");
  part.settings = text_member(object, hash_key == block_key ? "cache_signature" : "sig_digest").value_or("");
  part.model = text_member(object, "model_name").value_or("");
  part.token_count = integer_member(object, "token_count").value_or(0);
  part.layers = integer_member(object, "num_layers").value_or(0);
  if (part.hash.empty() || part.path.empty() || !size || *size < 0)
    refuse_archive("manifest.json: a part has no hash, path or size");
  part.size = static_cast<std::uint64_t>(*size);
  return part;
}

}  // namespace

PromptArchive::PromptArchive(std::shared_ptr<const ByteSource> source) : zip_(std::move(source)) {
  const std::shared_ptr<const ByteSource> manifest = zip_.find("manifest.json");
  if (manifest == nullptr) refuse_archive("archive: it has no manifest.json");
  if (manifest->size() > most_manifest) refuse_archive("archive: its manifest.json is larger than that of any prompt");
  std::string text(static_cast<std::size_t>(manifest->size()), '\0');
  manifest->read_at(0, std::as_writable_bytes(std::span(text.data(), text.size())));
  if (kvcache::detail::crc32_after(0, std::as_bytes(std::span(text.data(), text.size()))) !=
      zip_.members().at("manifest.json").crc32)
    refuse_archive("archive: 'manifest.json' has another checksum than the archive says: it was damaged or changed");
  const Json json = parse_json(text, "manifest.json");
  const auto format = integer_member(json, "format_version");
  const Json* list = array_member(json, "blocks");
  const Json* tokens = array_member(json, "token_ids");
  if (!format || list == nullptr || tokens == nullptr) refuse_archive("manifest.json is not that of a prompt of omlx");
  if (*format != 1) refuse_archive(fmt::format("an archive of format {}, and 1 is known here", *format), "KV902");
  model = text_member(json, "model_name").value_or("");
  version = text_member(json, "cache_format_version").value_or("");
  engine = text_member(json, "engine_version").value_or("");
  block_size = integer_member(json, "block_size").value_or(0);
  restorable_tokens = integer_member(json, "restorable_tokens").value_or(0);
  if (block_size < 1) refuse_archive("manifest.json has no block_size");
  auto read_ids = ids_of(*tokens);
  if (!read_ids) refuse_archive("manifest.json: token_ids is no list of ids");
  ids = *std::move(read_ids);
  for (const Json& block : *list) blocks.push_back(part_in(block, block_key));
  if (const Json* sidecars = array_member(json, "gdn_sidecars"))
    for (const Json& sidecar : *sidecars) gdn.push_back(part_in(sidecar, "source_hash"));
}

std::shared_ptr<const ByteSource> PromptArchive::member(const Part& part) const {
  std::shared_ptr<const ByteSource> source = zip_.find(part.path);
  if (source == nullptr) refuse_archive(fmt::format("'{}' is in the manifest and not in the archive", printable(part.path)));
  if (source->size() != part.size)
    refuse_archive(fmt::format("'{}' has {} bytes, and {} in the manifest", printable(part.path), source->size(), part.size));
  return source;
}

void PromptArchive::check_digest(const Part& part) const {
  const std::shared_ptr<const ByteSource> source = member(part);
  detail::Sha256 sum;
  std::uint32_t crc = 0;
  std::vector<std::byte> buffer(std::size_t{1} << 18U);
  for (std::uint64_t at = 0; at < source->size();) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), source->size() - at));
    const auto piece = std::span(buffer).first(n);
    source->read_at(at, piece);
    sum.update(piece);
    crc = kvcache::detail::crc32_after(crc, piece);
    at += n;
  }
  if (sum.hex() != part.sha256)
    refuse_archive(
        fmt::format("'{}' has another SHA-256 than the manifest says: it was damaged or changed", printable(part.path)));
  // omlx unpacks with a library that looks at this one as well.
  if (crc != zip_.members().at(part.path).crc32)
    refuse_archive(
        fmt::format("'{}' has another checksum than the archive says: omlx imports nothing of it", printable(part.path)));
}

void PromptArchive::check_settings(const Part& part) const {
  const BlockFacts facts = read_block(member(part), part.hash).facts;
  const auto differs = [&](std::string_view what, const auto& said, const auto& is) {
    refuse_archive(fmt::format("'{}' has {} {}, and {} in the manifest", printable(part.path), what,
                               printable(fmt::to_string(is)), printable(fmt::to_string(said))));
  };
  if (part.token_count != 0 && part.token_count != facts.token_count) differs("tokens", part.token_count, facts.token_count);
  if (part.layers != 0 && part.layers != facts.num_layers) differs("layers", part.layers, facts.num_layers);
  if (!part.model.empty() && part.model != facts.model) differs("model", part.model, facts.model);
  if (!part.settings.empty() && part.settings != facts.stored_signature)
    differs("signature", part.settings, facts.stored_signature);
}

void PromptArchive::check_chain() const {
  std::string parent;
  const auto size = static_cast<std::size_t>(block_size);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if ((i + 1) * size > ids.size())
      refuse_archive(fmt::format("block {} ends at token {}, and there are {} ids", i, (i + 1) * size, ids.size()), "KV904");
    parent = block_hash(model, parent, std::span(ids).subspan(i * size, size));
    if (parent != blocks[i].hash)
      refuse_archive(fmt::format("the ids are not those of the blocks: the first that differs is block {}", i), "KV904");
  }
}

BlockStore PromptArchive::store() const {
  const auto by_hash = std::make_shared<std::unordered_map<std::string_view, const Part*>>();
  for (const Part& part : blocks) by_hash->emplace(part.hash, &part);
  const auto part_of_block = [by_hash](std::string_view hash) -> const Part* {
    const auto found = by_hash->find(hash);
    return found == by_hash->end() ? nullptr : found->second;
  };
  BlockStore out;
  out.has_block = [part_of_block](std::string_view hash) { return part_of_block(hash) != nullptr; };
  out.block = [this, part_of_block](std::string_view hash) -> std::optional<Block> {
    const Part* part = part_of_block(hash);
    if (part == nullptr) return std::nullopt;
    return read_block(member(*part), hash);
  };
  out.gdn = [this](std::string_view hash, const BlockFacts& facts, std::int64_t tokens) -> std::optional<GdnSidecar> {
    for (const std::string& settings : gdn_folders(facts))
      for (const Part& part : gdn) {
        if (part.hash != hash || part.settings != settings) continue;
        GdnSidecar sidecar = read_gdn(LazyFile::open(member(part)));
        // One that a server has found when it started has no count.
        if (fits(sidecar, facts) && (sidecar.token_count == tokens || sidecar.token_count == 0)) return sidecar;
      }
    return std::nullopt;
  };
  return out;
}

}  // namespace kvcache::foreign::omlx

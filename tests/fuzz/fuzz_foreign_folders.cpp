// Any bytes as one file of a server's folder, beside others that are sound: an index, a sidecar, a block, an entry. Whatever is
// in it, the folder is listed, checked, explained and restored from, or refused, and nothing in it changes. The last byte
// chooses which file it is.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "foreign/entries/entry_folder.h"
#include "foreign/explain.h"
#include "foreign/foreign_format.h"
#include "foreign/little_endian.h"
#include "foreign/names.h"
#include "foreign/omlx/chain.h"
#include "foreign/omlx/tokens_file.h"
#include "fuzz_target.h"
#include "kvcache/caches.h"
#include "kvcache/encode.h"
#include "kvcache/error.h"
#include "kvcache/printable.h"
#include "work_folder.h"

#ifdef KVCACHE_HAS_SQLITE
#include "sqlite/sqlite_access.h"
#endif

using namespace kvcache;
namespace fs = std::filesystem;

const std::size_t fuzz_trailer = 1;

namespace {

constexpr std::string_view hash16 = "0123456789abcdef";
const std::string hash32 = std::string(hash16) + std::string(hash16);
const std::string hash64 = hash32 + hash32;

const std::vector<std::int32_t>& prompt() {
  static const std::vector<std::int32_t> ids = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
  return ids;
}

/// A sound prompt cache of 17 tokens.
std::string cache_file() {
  PromptCache cache;
  const Tensor rows = Tensor::zeros(Dtype::F16, {1, 1, 17, 4});
  cache.layers.push_back(std::make_unique<KVCache>(KVCache::State{rows, rows}));
  cache.metadata["num_tokens"] = "17";
  cache.metadata["mlxpc.signature"] = "m|bf16|-|1";
  const Encoded encoded = encode(cache, Era::P3);
  MemorySink sink;
  write_safetensors(sink, encoded.tensors, encoded.metadata);
  const std::vector<std::byte> bytes = sink.take();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Keys and values as the SSD tier stores a layer.
std::string layer_file() {
  const Tensor rows = Tensor::zeros(Dtype::F32, {1, 1, 17, 4});
  MemorySink sink;
  write_safetensors(sink, {{"layer_0_keys", rows}, {"layer_0_values", rows}}, {});
  const std::vector<std::byte> bytes = sink.take();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct File {
  std::string path, bytes;
};
/// A folder of a server with a place for the input.
struct Layout {
  std::string input;
  std::vector<File> others;
};

std::vector<Layout> make_layouts() {
  const std::string cache = cache_file();
  const std::string ids = foreign::ids_le<std::int32_t>(prompt());
  const std::string tagged = foreign::entries::tagged_ids(hash32, prompt());
  const std::string vllm =
      R"({"version":4,"model_fingerprint":"","num_entries":1,"entries":[{"index":0,"num_tokens":17,"memory_bytes":9}]})";
  const std::string rapid =
      R"({"version":3,"save_uuid":")" + hash32 +
      R"(","num_entries":1,"entries":[{"index":0,"num_tokens":17,"memory_bytes":9,"cache_types":["KVCache"]}]})";
  const std::string ssd = R"({"num_layers":1,"num_tokens":17,"layers":[{"layer_type":"KVCache","layer_idx":0,"offset":17}]})";
  const std::string snapshot = "snap-" + hash32 + ".safetensors";
  const std::string mlxpc =
      R"({"header":{"signature":{"modelId":"m","kvDType":"bf16","buildVersion":"1"},"blockSize":16,"indexLayout":1},"byHash":{")" +
      foreign::mlxpc_block_hash("m|bf16|-|1", "", std::span(prompt()).first(16)) + R"(":{"fileName":")" + snapshot +
      R"(","tokenCount":16}},"files":{")" + snapshot + R"(":{"fileName":")" + snapshot +
      R"(","byteSize":9,"lastAccess":1,"ownedBoundaries":[]}},"totalBytes":9,"clock":1})";
  const std::string prefix =
      R"({"formatVersion":2,"modelID":"m","layerCount":1,"kvHeadDim":1,"tokens":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17],)"
      R"("layers":[{"kind":"standardUnbounded","tokenCount":17,"arrayCount":2,"metaState":[]}],"createdAt":"2026-01-01T00:00:00Z","hasLastHidden":false})";
  const std::string prefix_name = foreign::prefix_folder_name("m", 1, 1, std::nullopt, prompt());
  const std::string first_block = foreign::vmlx_block_hash("", std::span(prompt()).first(16));
  return {
      {"0/" + hash64 + ".safetensors", {}},
      {"_gdn_sidecars/" + hash64 + "/" + hash64 + ".safetensors", {{"0/" + hash64 + ".safetensors", ""}}},
      {"0/" + hash64 + ".tokens", {{"0/" + hash64 + ".safetensors", ""}}},
      {"prompt.omlxzip", {}},
      {"index.json", {{"entry_0.safetensors", cache}, {"entry_0_tokens.bin", ids}}},
      {"entry_0_tokens.bin", {{"entry_0.safetensors", cache}, {"index.json", vllm}}},
      {"index.json", {{"entry_0.safetensors", cache}, {"entry_0_tokens.bin", tagged}}},
      {"entry_0_tokens.bin", {{"entry_0.safetensors", cache}, {"index.json", rapid}}},
      {"entry_0.safetensors", {{"entry_0_tokens.bin", tagged}, {"index.json", rapid}}},
      {"data/" + hash64 + "/manifest.json", {{"index.db", ""}, {"data/" + hash64 + "/layer_0.safetensors", layer_file()}}},
      {"data/" + hash64 + "/layer_0.safetensors", {{"index.db", ""}, {"data/" + hash64 + "/manifest.json", ssd}}},
      {"index.db", {{"data/" + hash64 + "/manifest.json", ssd}, {"data/" + hash64 + "/layer_0.safetensors", layer_file()}}},
      {"shard_" + hash32 + ".safetensors", {}},
      {"exact_" + hash32 + ".safetensors", {}},
      {"v2/" + std::string(hash16) + "/01/" + hash32 + "/0000000017-" + foreign::dflash_token_hash(prompt()) + "-prefill-" +
           std::string(hash16) + ".safetensors",
       {}},
      {"index.json", {{snapshot, cache}}},
      {snapshot, {{"index.json", mlxpc}}},
      {prefix_name + "/index.json", {{prefix_name + "/arrays.safetensors", cache}}},
      {prefix_name + "/arrays.safetensors", {{prefix_name + "/index.json", prefix}}},
      {"models/" + std::string(hash16) + "/entries/" + foreign::mlx_lm_1218_stem(prompt()) + ".safetensors",
       {{"format-version", "1\n"}}},
      {"manifest.json", {{"a.safetensors", cache}}},
      {hash32 + ".safetensors", {{"cache_index.db", ""}}},
      {"cache_" + foreign::vmlx_prompt_hash(prompt()).substr(0, 16) + "_17tok.safetensors", {{"cache_index.db", ""}}},
      {"blocks/" + first_block.substr(0, 2) + "/" + first_block + ".safetensors", {{"block_index.db", ""}}},
  };
}

void put(const std::string& path, std::string_view bytes) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void check_findings(const foreign::Report& report) {
  for (const Finding& finding : report.findings) {
    const auto codes = finding_codes();
    fuzz::require(std::any_of(codes.begin(), codes.end(), [&](const CodeInfo& info) { return info.code == finding.code; }),
                  "findings have codes of the table");
    fuzz::require(!finding.message.empty() && printable(finding.message, finding.message.size()) == finding.message,
                  "messages can be printed");
  }
}

void look_through(const foreign::Restored& restored) {
  for (const auto& layer : restored.cache.layers) {
    static_cast<void>(layer->facts());
    static_cast<void>(layer->parts());
  }
}

void ask(const foreign::Place& place) {
  foreign::list_entries(place, [](const foreign::Entry&) {});
  foreign::verify_place(place, check_findings);
  foreign::Query query;
  query.tokens = prompt();
  static_cast<void>(foreign::explain(place, std::nullopt, query));
  look_through(foreign::restore(place, query));
  for (const foreign::Prompt& one : foreign::known_prompts(place))
    look_through(foreign::restore_known(place, one, foreign::Query{}));
}

/// A block of omlx under every name that a chain asks for: its hash stands in the way of nothing.
void as_chain(const std::string& path) {
  using namespace foreign::omlx;
  const foreign::LazyFile file = foreign::LazyFile::open(path);
  const auto hash = file.header().metadata.find("block_hash");
  if (hash == file.header().metadata.end()) return;
  const Block first = read_block(foreign::reopened_source(path), hash->second);
  BlockStore store;
  store.has_block = [](std::string_view) { return true; };
  store.block = [&](std::string_view) -> std::optional<Block> {
    return read_block(foreign::reopened_source(path), hash->second);
  };
  store.gdn = [](std::string_view, const BlockFacts&, std::int64_t) -> std::optional<GdnSidecar> { return std::nullopt; };
  look_through(restore_chain(store, first.facts.model, first.facts.block_size, prompt(), false));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
#ifdef KVCACHE_HAS_SQLITE
  foreign::use_sqlite(sqlite::access());
#endif
  static const fuzz::WorkFolder folder;
  static const std::vector<Layout> layouts = make_layouts();
  static std::vector<bool> made(layouts.size());
  const std::string_view bytes = fuzz::text({data, size - 1});
  const std::size_t n = data[size - 1] % layouts.size();
  const Layout& layout = layouts[n];
  const std::string root = folder / std::to_string(n);
  if (!made[n])
    for (const File& other : layout.others) put(root + '/' + other.path, other.bytes);
  made[n] = true;
  const std::string input = root + '/' + layout.input;
  put(input, bytes);
  try {
    for (const foreign::Place& place : foreign::places_below(root)) ask(place);
    if (n == 0) as_chain(input);
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::unreadable || error.kind() == ErrorKind::impossible,
                  "it is refused for what it is");
  }
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) files += entry.is_regular_file() ? 1 : 0;
  fuzz::require(files == layout.others.size() + 1, "nothing is written beside it");
  return 0;
}

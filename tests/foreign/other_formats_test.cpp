// Formats of which no folder was at hand: written here as their projects' sources write them, and read back.
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "foreign/base64.h"
#include "foreign/foreign_format.h"
#include "foreign/little_endian.h"
#include "foreign/names.h"
#include "kvcache/caches.h"
#include "kvcache/encode.h"
#include "kvcache/error.h"
#include "kvcache/safetensors.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;

class OtherFormats : public ::testing::Test {
 protected:
  OtherFormats() {
    std::string pattern = (fs::temp_directory_path() / "kvcache-other-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    folder = pattern;
  }
  ~OtherFormats() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  void text(const std::string& name, std::string_view contents) const {
    fs::create_directories(fs::path(folder + "/" + name).parent_path());
    std::ofstream(folder + "/" + name, std::ios::binary) << contents;
  }
  void safetensors(const std::string& name, const std::vector<NamedTensor>& tensors, const Metadata& metadata = {}) const {
    fs::create_directories(fs::path(folder + "/" + name).parent_path());
    WriteOptions how;
    how.overwrite = true;
    write_safetensors(folder + "/" + name, tensors, metadata, how);
  }
  void prompt_cache(const std::string& name, const PromptCache& cache, Era era) const {
    const Encoded encoded = encode(cache, era);
    safetensors(name, encoded.tensors, encoded.metadata);
  }
  Restored restored(const Ids& ids, const std::string& model = {}) const {
    Query query;
    query.tokens = ids;
    query.model_name = model;
    const std::optional<Place> place = place_of(folder);
    if (!place) {
      ADD_FAILURE() << "no format owns the folder";
      return {};
    }
    return restore(*place, query);
  }
  std::vector<std::string> codes() const {
    std::vector<std::string> out;
    verify_place(*place_of(folder), [&](const Report& report) {
      for (const Finding& finding : report.findings)
        if (finding.severity != Severity::info) out.push_back(finding.code);
    });
    return out;
  }
  std::string_view format() const { return place_of(folder)->format->id; }

  std::string folder;
};

/// Rows that are their own numbers, so that a wrong order shows.
Tensor rows(std::int64_t first, std::int64_t count, std::int64_t heads = 1) {
  std::vector<std::byte> bytes;
  for (std::int64_t h = 0; h < heads; ++h)
    for (std::int64_t r = first; r < first + count; ++r)
      for (int d = 0; d < 32; ++d) {
        bytes.push_back(static_cast<std::byte>(r + h));
        bytes.push_back(static_cast<std::byte>(d));
      }
  return Tensor::of_bytes(Dtype::F16, {1, heads, count, 32}, std::move(bytes));
}

std::unique_ptr<Cache> plain(std::int64_t first, std::int64_t count) {
  return std::make_unique<KVCache>(KVCache::State{rows(first, count), rows(first, count)});
}

std::vector<std::byte> keys_of(const Restored& restored, std::size_t layer = 0) {
  const Tensor keys = restored.cache.layers.at(layer)->parts().at(0).tensor;
  std::vector<std::byte> out(keys.nbytes());
  keys.read(0, out);
  return out;
}

std::vector<std::byte> raw_bytes(const Tensor& tensor) {
  std::vector<std::byte> out(tensor.nbytes());
  tensor.read(0, out);
  return out;
}

Ids counting(std::int32_t first, std::int32_t count) {
  Ids ids;
  for (std::int32_t i = 0; i < count; ++i) ids.push_back(first + i);
  return ids;
}

constexpr std::string_view prefix_index =
    R"({"formatVersion":2,"modelID":"m","layerCount":2,"kvHeadDim":1,"tokens":[5,6,7],"layers":[)"
    R"({"kind":"standardUnbounded","tokenCount":3,"arrayCount":2,"metaState":[]},)"
    R"({"kind":"standardWindowed","kindParam1":8,"kindParam2":2,"tokenCount":3,"arrayCount":2,"metaState":[]}],)"
    R"("createdAt":"2026-08-01T00:00:00Z","hasLastHidden":false})";

TEST_F(OtherFormats, PrefixFolders) {
  const std::string name = prefix_folder_name("m", 2, 1, std::nullopt, Ids{5, 6, 7});
  text(name + "/index.json", prefix_index);
  safetensors(name + "/arrays.safetensors",
              {{"0.0", rows(0, 3)}, {"0.1", rows(0, 3)}, {"1.0", rows(0, 3)}, {"1.1", rows(0, 3)}});
  EXPECT_EQ(format(), "mlx-swift-lm-prefix");
  EXPECT_TRUE(codes().empty());
  const Restored found = restored(Ids{5, 6, 7, 8});
  ASSERT_EQ(found.outcome, Restored::Outcome::restored) << found.why;
  EXPECT_EQ(found.ids, (Ids{5, 6, 7}));
  EXPECT_EQ(found.cache.layers[1]->facts().max_size, 8);
  EXPECT_EQ(found.cache.layers[1]->facts().keep, 2);
  EXPECT_EQ(restored(Ids{5, 6, 8, 8}).outcome, Restored::Outcome::miss);
}

TEST_F(OtherFormats, APrefixThatWasCutShortBetweenItsTwoFiles) {
  text(prefix_folder_name("m", 2, 1, std::nullopt, Ids{5, 6, 7}) + "/index.json", prefix_index);
  EXPECT_EQ(codes(), std::vector<std::string>{"KV907"});
}

TEST_F(OtherFormats, VmlxSwift) {
  const Ids ids = {5, 6, 7};
  const std::string stem = vmlx_swift_stem("key", {}, ids);
  const auto number = [](std::int32_t value) { return Tensor::of_i32(std::array{value}); };
  safetensors(stem + ".safetensors",
              {{"__jang_cache_format_version__", number(2)},
               {"__layer_kind_0__", number(2)},
               {"kv_0_keys", rows(0, 3)},
               {"kv_0_values", rows(0, 3)},
               {"__layer_kind_1__", number(6)},
               {"rot_1_keys", rows(0, 3)},
               {"rot_1_values", rows(0, 3)},
               {"__rot_1_meta__", Tensor::of_i32(std::array{0, 16, 256, 3, 3})}},
              {{"format", "mlx"}});
  text("cache_index.db", "");
  EXPECT_EQ(format(), "vmlx-swift");
  const Restored found = restored(Ids{5, 6, 7, 8}, "key");
  ASSERT_EQ(found.outcome, Restored::Outcome::restored) << found.why;
  EXPECT_EQ(found.ids, ids);
  EXPECT_EQ(found.cache.layers[1]->facts().max_size, 16);
  EXPECT_EQ(restored(Ids{5, 6, 7, 8}, "other").outcome, Restored::Outcome::miss);
  EXPECT_EQ(restored(Ids{5, 6, 7, 8}).outcome, Restored::Outcome::refused);
}

TEST_F(OtherFormats, MlxPromptCacheJoinsWhatCameSince) {
  const std::string signature = "m|bf16|-|1";
  const Ids ids = counting(1, 8);
  const std::string first = mlxpc_block_hash(signature, "", std::span(ids).first(4));
  const std::string second = mlxpc_block_hash(signature, first, std::span(ids).subspan(4));
  PromptCache whole;
  whole.layers.push_back(plain(0, 4));
  whole.metadata["mlxpc.signature"] = signature;
  prompt_cache("snap-" + first.substr(0, 32) + ".safetensors", whole, Era::S3);
  PromptCache delta;
  delta.layers.push_back(plain(4, 4));
  delta.metadata["mlxpc.signature"] = signature;
  delta.metadata["mlxpc.delta"] = "4,8";
  prompt_cache("snap-" + second.substr(0, 32) + ".safetensors", delta, Era::S3);
  const auto file = [&](const std::string& hash) { return "snap-" + hash.substr(0, 32) + ".safetensors"; };
  const auto size = [&](const std::string& hash) { return std::to_string(fs::file_size(folder + "/" + file(hash))); };
  text(
      "index.json",
      R"({"header":{"signature":{"modelId":"m","kvDType":"bf16","buildVersion":"1"},"blockSize":4,"indexLayout":1},"byHash":{")" +
          first + R"(":{"fileName":")" + file(first) + R"(","tokenCount":4},")" + second + R"(":{"fileName":")" + file(second) +
          R"(","tokenCount":8}},"files":{")" + file(first) + R"(":{"fileName":"","byteSize":)" + size(first) +
          R"(,"lastAccess":1,"ownedBoundaries":[]},")" + file(second) + R"(":{"fileName":"","byteSize":)" + size(second) +
          R"(,"lastAccess":2,"ownedBoundaries":[]}},"totalBytes":1,"clock":2})");
  EXPECT_EQ(format(), "mlx-prompt-cache");
  const Restored found = restored(counting(1, 10));
  ASSERT_EQ(found.outcome, Restored::Outcome::restored) << found.why;
  EXPECT_EQ(found.ids, ids);
  EXPECT_EQ(keys_of(found), raw_bytes(rows(0, 8)));
  // Without the first file nothing of the second is of use.
  fs::remove(folder + "/" + file(first));
  EXPECT_EQ(restored(counting(1, 10)).tokens(), 0);
}

TEST_F(OtherFormats, PullRequest1218) {
  const Ids ids = {1, 2, 3};
  PromptCache cache;
  cache.layers.push_back(plain(0, 3));
  cache.metadata = {{"tokens_b64", "AQAAAAIAAAADAAAA"}, {"length", "3"}, {"model_id", "m"}, {"format_version", "1"}};
  text("format-version", "1\n");
  prompt_cache("models/0123456789abcdef/entries/" + mlx_lm_1218_stem(ids) + ".safetensors", cache, Era::P3);
  EXPECT_EQ(format(), "mlx-lm-1218");
  EXPECT_TRUE(codes().empty());
  const Restored longer = restored(Ids{1, 2, 3, 4});
  ASSERT_EQ(longer.outcome, Restored::Outcome::restored) << longer.why;
  EXPECT_EQ(longer.ids, ids);
  EXPECT_FALSE(longer.cache.metadata.contains("tokens_b64"));
  const Restored trimmed = restored(Ids{1, 2, 9});
  ASSERT_EQ(trimmed.outcome, Restored::Outcome::restored) << trimmed.why;
  EXPECT_EQ(trimmed.ids, (Ids{1, 2}));
  EXPECT_EQ(keys_of(trimmed), raw_bytes(rows(0, 2)));
}

TEST_F(OtherFormats, PullRequest1218OfAnotherFormatIsNotGuessedAt) {
  PromptCache cache;
  cache.layers.push_back(plain(0, 3));
  cache.layers.push_back(plain(3, 3));
  cache.metadata = {{"tokens_b64", "AQAAAAIAAAADAAAA"}, {"length", "3"}};
  prompt_cache("models/0123456789abcdef/entries/" + mlx_lm_1218_stem(Ids{1, 2, 3}) + ".safetensors", cache, Era::P3);
  text("format-version", "1\n");
  EXPECT_TRUE(codes().empty());
  EXPECT_EQ(restored(Ids{1, 2, 3, 4}).ids, (Ids{1, 2, 3}));
  text("format-version", "2\n");
  EXPECT_EQ(codes(), std::vector<std::string>{"KV902"});
  EXPECT_EQ(restored(Ids{1, 2, 3, 4}).outcome, Restored::Outcome::refused);
}

TEST_F(OtherFormats, AManifestIsReadByItsLooks) {
  PromptCache cache;
  cache.layers.push_back(plain(0, 3));
  prompt_cache("one.safetensors", cache, Era::P3);
  text("manifest.json", R"({"MANIFEST_VERSION":1,"lru":[{"model":"m","cache":{"tokens":[1,2,3],"file":"one.safetensors"}},)"
                        R"({"tokens":[4],"file":"../outside.safetensors"}]})");
  EXPECT_EQ(format(), "mlx-lm-1405");
  EXPECT_EQ(restored(Ids{1, 2, 3, 4}).ids, (Ids{1, 2, 3}));
  EXPECT_EQ(restored(Ids{4, 5}).outcome, Restored::Outcome::miss);
}

TEST_F(OtherFormats, RapidMlxOfItsSecondVersionHasNoIdentifier) {
  PromptCache cache;
  cache.layers.push_back(plain(0, 3));
  cache.layers.push_back(plain(3, 3));
  prompt_cache("entry_3.safetensors", cache, Era::P3);
  text("entry_3_tokens.bin", ids_le<std::int32_t>(Ids{1, 2, 3}));
  text("index.json",
       R"({"version":2,"entries":[{"index":3,"num_tokens":3,"memory_bytes":1,"cache_types":["KVCache","KVCache"]}]})");
  EXPECT_EQ(format(), "rapid-mlx");
  EXPECT_TRUE(codes().empty());
  EXPECT_EQ(restored(Ids{1, 2, 3, 4}).ids, (Ids{1, 2, 3}));
}

TEST_F(OtherFormats, VmlxPrompts) {
  const Ids ids = {1, 2, 3};
  PromptCache cache;
  cache.layers.push_back(plain(0, 3));
  prompt_cache("cache_" + vmlx_prompt_hash(ids).substr(0, 16) + "_3tok.safetensors", cache, Era::P3);
  EXPECT_EQ(format(), "vmlx");
  const Restored found = restored(Ids{1, 2, 3, 4});
  ASSERT_EQ(found.outcome, Restored::Outcome::restored) << found.why;
  EXPECT_EQ(found.ids, ids);
  EXPECT_FALSE(found.notes.empty());  // float16 may have been bfloat16
  EXPECT_EQ(restored(Ids{1, 2, 4}).outcome, Restored::Outcome::miss);
}

TEST_F(OtherFormats, VmlxBlocks) {
  const Ids ids = counting(1, 64);
  const std::string hash = vmlx_block_hash("", ids);
  const std::string_view meta = R"({"__layer_types__":{"0":"KVCache"}})";
  std::vector<std::byte> bytes;
  for (const char c : meta) bytes.push_back(static_cast<std::byte>(c));
  const auto size = static_cast<std::int64_t>(bytes.size());
  safetensors("blocks/" + hash.substr(0, 2) + "/" + hash + ".safetensors",
              {{"layer_0_keys", rows(0, 64)},
               {"layer_0_values", rows(0, 64)},
               {"__vmlx_block_meta__", Tensor::of_bytes(Dtype::U8, {size}, std::move(bytes))}});
  text("block_index.db", "");
  EXPECT_EQ(format(), "vmlx-blocks");
  const Restored found = restored(counting(1, 100));
  ASSERT_EQ(found.outcome, Restored::Outcome::restored) << found.why;
  EXPECT_EQ(found.ids, ids);
  EXPECT_EQ(keys_of(found), raw_bytes(rows(0, 64)));
}

std::string container(const std::string& payload, const std::string& header) {
  std::string out = "SLOTPFX1" + payload + header;
  append_le(out, std::uint64_t{8} + payload.size());
  append_le(out, std::uint64_t{header.size()});
  append_le(out, static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(header.data()), header.size())));
  append_le(out, std::uint32_t{0});
  return out + "SLOTEND1";
}

std::uint32_t crc(const std::string& bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

TEST_F(OtherFormats, SlotstreamIsChecked) {
  const Ids ids = {1, 2, 3};
  const std::string segment(32, 'a');
  const std::string payload = ids_le<std::int32_t>(ids);
  const std::string head = container(
      payload,
      R"({"format":3,"kind":"head","identity":"ab","tokenCount":3,"linear":[],"attention":[],"arrays":[{"name":"tokens","offset":8,"byteCount":12,"crc32":)" +
          std::to_string(crc(payload)) + R"(}],"sequences":[{"name":"k","extents":[{"segment":")" + segment +
          R"(.slotseg","start":0,"end":3}]}]})");
  const std::string name = slotstream_stem("ab", ids) + ".slotprefix";
  text(name, head);
  EXPECT_EQ(format(), "slotstream");
  EXPECT_EQ(codes(), std::vector<std::string>{"KV907"});  // the segment is not here
  const std::string bytes = "rows";
  const auto rows_of = [&](const std::string& stored, std::uint32_t sum) {
    return container(
        stored,
        R"({"format":3,"kind":"segment","identity":"ab","rows":[{"name":"k","start":0,"end":3,"offset":8,"byteCount":4,"crc32":)" +
            std::to_string(sum) + "}]}");
  };
  text(segment + ".slotseg", rows_of(bytes, crc(bytes)));
  EXPECT_TRUE(codes().empty());
  text(segment + ".slotseg", rows_of("rowz", crc(bytes)));
  EXPECT_EQ(codes(), std::vector<std::string>{"KV907"});
  fs::remove(folder + "/" + name);
  text(segment + ".slotseg", rows_of(bytes, crc(bytes)));
  EXPECT_EQ(codes(), std::vector<std::string>{"KV905"});
}

TEST(Base64, IsDecodedStrictly) {
  EXPECT_EQ(decode_base64("AQAAAA=="), std::string("\1\0\0\0", 4));
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("AQA"), std::nullopt);
  EXPECT_EQ(decode_base64("A?AA"), std::nullopt);
  EXPECT_EQ(decode_base64("=AAA"), std::nullopt);
}

}  // namespace
}  // namespace kvcache::foreign

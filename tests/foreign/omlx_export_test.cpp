// Prompt caches as omlx' blocks: against blocks that its own code wrote, byte for byte but for the time.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "foreign/export.h"
#include "foreign/foreign_format.h"
#include "foreign/little_endian.h"
#include "foreign/zip_writer.h"
#include "kvcache/byte_sink.h"
#include "kvcache/caches.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "support/folder.h"
#include "support/same_layers.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using kvcache::test::bytes_of;
using kvcache::test::expect_same;
using ::test::Folder;

const fs::path cases = fs::path(KVCACHE_TESTDATA) / "golden" / "foreign";

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::int32_t> ids_of(const std::string& name, const std::string& tokens) {
  return parse_token_ids(text_of(cases / name / "tokens" / tokens));
}

Restored restored(const std::string& folder, const std::vector<std::int32_t>& ids) {
  Query query;
  query.tokens = ids;
  return restore(*place_of(folder), query);
}

std::map<std::string, fs::path> files_below(const fs::path& folder, const std::string& extension) {
  std::map<std::string, fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() == extension)
      out[fs::relative(entry.path(), folder).string()] = entry.path();
  return out;
}

/// Without what differs from one writing to the next: the time, the request, and how the header is filled up.
std::string stable(std::string file) {
  const auto header = read_le<std::uint64_t>(file);
  std::string json = file.substr(8, static_cast<std::size_t>(header));
  json.erase(json.find_last_not_of(' ') + 1);
  json = std::regex_replace(json, std::regex("\"created_at\":\"[0-9.]*\""), "\"created_at\":\"\"");
  json = std::regex_replace(json, std::regex("\"request_id\":\"[^\"]*\""), "\"request_id\":\"\"");
  return json + file.substr(8 + static_cast<std::size_t>(header));
}

struct Case {
  const char* name;
  const char* tokens;
  std::size_t same = 0;  ///< files that are the server's own; others differ where it kept the state of an earlier block
};

TEST(OmlxExport, BlocksAreThoseThatTheServerWrote) {
  for (const Case& c :
       {Case{"omlx-v5-dense-bf16", "full.json", 4}, Case{"omlx-dense-bf16", "full.json", 4},
        Case{"omlx-v5-gdn-fp32", "full.json", 5}, Case{"omlx-list-kv-kv", "full.json", 3}, Case{"omlx-pm-list", "full.json", 2},
        Case{"omlx-window-f16", "full.json", 1}, Case{"omlx-hybrid-bf16", "full.json", 3}}) {
    SCOPED_TRACE(c.name);
    const std::string store = (cases / c.name / "store").string();
    const std::vector<std::int32_t> ids = ids_of(c.name, c.tokens);
    const Restored first = restored(store, ids);
    ASSERT_EQ(first.outcome, Restored::Outcome::restored) << first.why;
    const Folder folder;
    ExportRequest request;
    request.cache = &first.cache;
    request.ids = first.ids;
    request.folder = folder.str();
    request.like = files_below(store, ".safetensors").begin()->second.string();
    if (request.like.find("_gdn") != std::string::npos)
      request.like = files_below(cases / c.name / "store" / "3", ".safetensors").begin()->second.string();
    const Exported written = export_omlx(request);
    EXPECT_EQ(written.tokens, first.tokens());

    std::size_t same = 0;
    const auto theirs = files_below(store, ".safetensors");
    for (const auto& [name, path] : files_below(folder.str(), ".safetensors")) {
      ASSERT_TRUE(theirs.contains(name)) << name;
      if (stable(text_of(path)) == stable(text_of(theirs.at(name)))) ++same;
    }
    EXPECT_EQ(same, c.same);

    // With the ids, and with those that lie beside the blocks.
    const Restored second = restored(folder.str(), ids);
    ASSERT_EQ(second.outcome, Restored::Outcome::restored) << second.why;
    EXPECT_EQ(second.ids, first.ids);
    expect_same(first.cache.layers, second.cache.layers);
    const Place place = *place_of(folder.str());
    const std::vector<Prompt> prompts = place.format->prompts(place);
    ASSERT_EQ(prompts.size(), 1U);
    EXPECT_EQ(place.format->restore_prompt(place, prompts[0], {}).ids, first.ids);
    verify_place(place, [&](const Report& report) {
      for (const Finding& finding : report.findings) EXPECT_NE(finding.severity, Severity::error) << finding.message;
    });

    // Once more: nothing is written.
    EXPECT_EQ(export_omlx(request).bytes, 0U);
  }
}

TEST(OmlxExport, ArchivesAreReadBack) {
  for (const Case& c : {Case{"omlx-v5-dense-bf16", "full.json"}, Case{"omlx-v5-gdn-fp32", "full.json"}}) {
    SCOPED_TRACE(c.name);
    const Restored first = restored((cases / c.name / "store").string(), ids_of(c.name, c.tokens));
    const Folder folder;
    ExportRequest request;
    request.cache = &first.cache;
    request.ids = first.ids;
    request.folder = folder.str();
    request.model_name = "org/a model";
    request.block_size = 16;
    const Exported written = export_omlxzip(request);
    EXPECT_TRUE(fs::path(written.path).filename().string().starts_with("kvart_org_a_model_64tok_")) << written.path;
    EXPECT_EQ(fs::file_size(written.path), written.bytes);
    const Place place = *place_of(written.path);
    EXPECT_EQ(place.format->id, "omlxzip");
    const Restored second = restored(written.path, {});
    ASSERT_EQ(second.outcome, Restored::Outcome::restored) << second.why;
    EXPECT_EQ(second.ids, first.ids);
    expect_same(first.cache.layers, second.cache.layers);
    verify_place(place, [&](const Report& report) { EXPECT_TRUE(report.findings.empty()); });
  }
}

/// A request for blocks of four tokens, of which nothing is missing.
struct Small {
  Small() {
    const auto rows = [](std::int64_t n) { return Tensor::zeros(Dtype::F32, {1, 1, n, 8}); };
    cache.layers.push_back(std::make_unique<KVCache>(KVCache::State{rows(10), rows(10)}));
    request.cache = &cache;
    for (std::int32_t id = 0; id < 10; ++id) request.ids.push_back(id);
    request.folder = folder.str() + "/out";
    request.model_name = "m";
    request.block_size = 4;
  }
  void add_ring(std::int64_t tokens) {
    RotatingKVCache::State ring;
    ring.keys = ring.values = Tensor::zeros(Dtype::F32, {1, 1, 4, 8});
    ring.max_size = 4;
    ring.offset = tokens;
    ring.idx = 2;
    cache.layers.push_back(std::make_unique<RotatingKVCache>(std::move(ring)));
  }
  std::string refusal() {
    try {
      static_cast<void>(export_omlx(request));
    } catch (const Error& error) {
      EXPECT_FALSE(fs::exists(request.folder)) << "something was written";
      return error.what();
    }
    return {};
  }
  Folder folder;
  PromptCache cache;
  ExportRequest request;
};

TEST(OmlxExport, WholeBlocksOnly) {
  Small small;
  const Exported written = export_omlx(small.request);
  EXPECT_EQ(written.tokens, 8);
  ASSERT_FALSE(written.notes.empty());
  EXPECT_NE(written.notes[0].find("2 tokens at the end"), std::string::npos) << written.notes[0];
  EXPECT_EQ(restored(small.request.folder, small.request.ids).tokens(), 8);
}

TEST(OmlxExport, WhatTheServerWouldNotUseIsRefused) {
  {
    Small small;
    small.request.ids.resize(8);
    EXPECT_NE(small.refusal().find("it holds 10 tokens, and the ids are 8"), std::string::npos);
  }
  {
    Small small;
    small.request.model_name.clear();
    EXPECT_NE(small.refusal().find("by the name under which it serves the model"), std::string::npos);
  }
  {
    Small small;
    small.request.block_size = 16;
    EXPECT_NE(small.refusal().find("10 tokens, and a block is of 16"), std::string::npos);
  }
  {
    Small small;
    small.add_ring(10);
    EXPECT_NE(small.refusal().find("blocks of 4 end at token 8"), std::string::npos);
  }
  {
    Small small;
    small.add_ring(9);
    EXPECT_NE(small.refusal().find("layer 1: it holds 9 tokens, and layers before it 10"), std::string::npos);
  }
  {
    Small small;
    small.cache.layers.push_back(std::make_unique<ArraysCache>(2));
    EXPECT_NE(small.refusal().find("layer 1: it holds nothing"), std::string::npos);
  }
  {
    Small small;
    ArraysCache::State slots;
    slots.slots = {Tensor::zeros(Dtype::F32, {1, 4}), Tensor()};
    small.cache.layers.push_back(std::make_unique<ArraysCache>(std::move(slots)));
    small.request.block_size = 0;
    EXPECT_NE(small.refusal().find("size of blocks is not given"), std::string::npos);
  }
  {
    Small small;
    std::vector<std::unique_ptr<Cache>> members;
    members.push_back(small.cache.layers[0]->copy());
    small.cache.layers.push_back(std::make_unique<CacheList>(std::move(members)));
    EXPECT_NE(small.refusal().find("known from its own blocks only"), std::string::npos);
  }
  {
    // Settings of another model.
    Small small;
    small.request.model_name.clear();
    small.request.block_size = 0;
    const fs::path store = cases / "omlx-v5-dense-bf16" / "store";
    small.request.like = files_below(store, ".safetensors").begin()->second.string();
    EXPECT_NE(small.refusal().find("10 tokens, and a block is of 16"), std::string::npos);
    small.request.like = files_below(cases / "omlx-v1-dense" / "store", ".safetensors").begin()->second.string();
    EXPECT_NE(small.refusal().find("is of format 1, which no current server uses"), std::string::npos);
  }
}

TEST(OmlxExport, AWindowOutOfOrderIsWrittenInOrder) {
  Small small;
  const auto rows = [](std::int64_t n) { return Tensor::zeros(Dtype::F32, {1, 1, n, 8}); };
  small.cache.layers[0] = std::make_unique<KVCache>(KVCache::State{rows(8), rows(8)});
  RotatingKVCache::State ring;
  std::vector<std::byte> values;
  for (const float value : {4.0F, 5.0F, 2.0F, 3.0F}) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    values.insert(values.end(), bytes, bytes + sizeof value);
  }
  ring.keys = ring.values = Tensor::of_bytes(Dtype::F32, {1, 1, 4, 1}, values);
  ring.max_size = 4;
  ring.offset = 8;
  ring.idx = 2;
  small.cache.layers.push_back(std::make_unique<RotatingKVCache>(ring));
  small.request.ids.resize(8);
  static_cast<void>(export_omlx(small.request));
  const Restored found = restored(small.request.folder, small.request.ids);
  ASSERT_EQ(found.outcome, Restored::Outcome::restored) << found.why;
  const auto* back = as<RotatingKVCache>(*found.cache.layers[1]);
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(bytes_of(back->state().keys), bytes_of(RotatingKVCache(ring).temporal_order(ring.keys)));
}

TEST(OmlxExport, ABlockThatIsThereAndCannotBeUsedIsReplacedOnDemandOnly) {
  Small small;
  static_cast<void>(export_omlx(small.request));
  const auto blocks = files_below(small.request.folder, ".safetensors");
  const fs::path victim = blocks.begin()->second;
  const std::string sound = text_of(victim);
  fs::resize_file(victim, 100);
  EXPECT_THROW(static_cast<void>(export_omlx(small.request)), Error);
  EXPECT_EQ(fs::file_size(victim), 100U);
  small.request.overwrite = true;
  static_cast<void>(export_omlx(small.request));
  EXPECT_EQ(stable(text_of(victim)), stable(sound));
}

TEST(ZipWriter, SizesBeyondFourGigabytesHaveTheirPlace) {
  // Room is left and not filled in: the archive takes no memory.
  class Sparse final : public ByteSink {
   public:
    [[nodiscard]] std::string label() const override { return "sparse"; }
    void reserve(std::uint64_t) override {}
    void write_at(std::uint64_t offset, std::span<const std::byte> data) override {
      size = std::max(size, offset + data.size());
      pieces[offset].assign(data.begin(), data.end());
    }
    void commit() override {}
    void abort() noexcept override {}
    std::map<std::uint64_t, std::vector<std::byte>> pieces;
    std::uint64_t size = 0;
  };
  Sparse sink;
  ZipWriter zip(sink, 1'700'000'000);
  static_cast<void>(zip.leave_room("large", (std::uint64_t{1} << 32U) + 5));
  zip.add("behind", 2, [](const ZipWriter::Take& take) {
    const std::array<std::byte, 2> two{std::byte{1}, std::byte{2}};
    take(two);
  });
  const std::uint64_t bytes = zip.finish();
  EXPECT_EQ(bytes, sink.size);
  // The entry of the second member: its offset stands behind its name.
  const auto directory = std::next(sink.pieces.rbegin(), 1);
  const std::string entry(reinterpret_cast<const char*>(directory->second.data()), directory->second.size());
  EXPECT_EQ(read_le<std::uint32_t>(entry, 42), 0xFFFFFFFFU);
  EXPECT_EQ(read_le<std::uint64_t>(entry, 46 + 6 + 4 + 16), (std::uint64_t{1} << 32U) + 5 + 30 + 5 + 20);
}

}  // namespace
}  // namespace kvcache::foreign

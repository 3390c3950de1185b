// What folders of mlx-vlm and dflash-mlx restore, against what the projects' own loaders did, and exports back.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "foreign/apc_files.h"
#include "foreign/export.h"
#include "foreign/foreign_format.h"
#include "kvcache/caches.h"
#include "kvcache/document.h"
#include "kvcache/error.h"
#include "kvcache/stamp.h"
#include "support/folder.h"
#include "support/same_layers.h"

namespace kvcache::foreign {
namespace {

namespace fs = std::filesystem;
using kvcache::test::expect_same;
using ::test::Folder;

const fs::path store_cases = fs::path(KVCACHE_TESTDATA) / "golden" / "foreign";

std::vector<std::int32_t> ids_of(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return parse_token_ids(text.str());
}

Restored restored(const std::string& name, const std::string& tokens) {
  Query query;
  query.tokens = ids_of(store_cases / name / "tokens" / tokens);
  Restored best;
  for (const Place& place : places_below((store_cases / name / "store").string())) {
    Restored found = restore(place, query);
    if (found.tokens() >= best.tokens()) best = std::move(found);
  }
  return best;
}

TEST(Stores, AnUnsetSlotIsReadThoughMlxLmCannotHoldIt) {
  const Restored found = restored("apc-exact-unset-slot", "extended.json");
  ASSERT_EQ(found.outcome, Restored::Outcome::restored);
  EXPECT_EQ(found.tokens(), 33);
  EXPECT_FALSE(dynamic_cast<const ArraysCache&>(*found.cache.layers[0]).state().slots[1].defined());
}

TEST(Stores, ABrokenShardEndsTheChainAndIsNamed) {
  const Restored found = restored("apc-neg-block-truncated", "q.json");
  ASSERT_EQ(found.outcome, Restored::Outcome::restored);
  EXPECT_EQ(found.tokens(), 32);
  EXPECT_NE(found.stopped_by.find("shard_4340414c"), std::string::npos) << found.stopped_by;
}

TEST(Stores, WindowsOfDflashAreProvenByTwoSnapshots) {
  const Restored found = restored("dflash-window-f16", "at-30.json");
  ASSERT_EQ(found.outcome, Restored::Outcome::restored) << found.why;
  EXPECT_EQ(found.cache.layers[0]->facts().keep, 0);
  EXPECT_EQ(found.cache.layers[2]->facts().keep, 4);
  EXPECT_EQ(found.cache.layers[2]->facts().max_size, 16);
}

TEST(Stores, AWindowOfOneSnapshotAloneIsRefused) {
  const Folder folder;
  fs::copy(store_cases / "dflash-window-f16" / "store", folder.str(), fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(folder.str()))
    if (entry.path().filename().string().starts_with("0000000044")) fs::remove(entry.path());
  Query query;
  query.tokens = ids_of(store_cases / "dflash-window-f16" / "tokens" / "at-30.json");
  const Restored found = restore(places_below(folder.str()).at(0), query);
  EXPECT_EQ(found.outcome, Restored::Outcome::refused);
  EXPECT_NE(found.remedy.text().find("model"), std::string::npos) << found.remedy.text();
}

TEST(Stores, RoundTripsOfWholeCachesAreExact) {
  for (const auto& [name, tokens] :
       {std::pair("apc-exact-hybrid-bf16", "extended.json"), std::pair("apc-exact-ring-spare-f16", "extended.json"),
        std::pair("apc-exact-unset-slot", "extended.json")}) {
    const Restored first = restored(name, tokens);
    ASSERT_EQ(first.outcome, Restored::Outcome::restored);
    const Folder folder;
    ExportRequest request;
    request.cache = &first.cache;
    request.ids = first.ids;
    request.folder = folder.str();
    const Exported written = export_apc(request);
    // Its own writer gave it the same name.
    EXPECT_EQ(fs::path(written.path).filename(), fs::path(first.entry).filename());
    Query query;
    query.tokens = ids_of(store_cases / name / "tokens" / tokens);
    const Restored second = restore(*place_of(folder.str()), query);
    ASSERT_EQ(second.outcome, Restored::Outcome::restored) << second.why;
    EXPECT_EQ(second.ids, first.ids);
    expect_same(first.cache.layers, second.cache.layers);
  }
}

TEST(Stores, RoundTripsOfEntriesAreExact) {
  const Restored first = restored("apc-exact-hybrid-bf16", "extended.json");
  for (const auto& target : export_targets()) {
    const Folder folder;
    ExportRequest request;
    request.cache = &first.cache;
    request.ids = first.ids;
    request.folder = folder.str() + "/model";
    request.model_folder = folder.str();
    request.model_name = "m";
    request.block_size = first.tokens();
    std::ofstream(folder.str() + "/config.json") << R"({"model_type": "tiny", "num_hidden_layers": 3, "hidden_size": 64})";
    const Exported written = target.write(request);
    EXPECT_EQ(written.tokens, first.tokens()) << target.id;
    const bool one_file = target.id == "mlx-vlm-apc" || target.id == "omlxzip";
    if (!one_file) static_cast<void>(target.write(request));  // a second entry
    Query query;
    query.tokens = first.ids;
    query.tokens.push_back(1);
    const std::optional<Place> place = place_of(target.id == "omlxzip" ? written.path : request.folder);
    ASSERT_TRUE(place) << target.id;
    const Restored second = restore(*place, query);
    ASSERT_EQ(second.outcome, Restored::Outcome::restored) << target.id << ": " << second.why;
    EXPECT_EQ(second.ids, first.ids) << target.id;
    PromptCache wanted = first.cache.copy();
    // omlx keeps windows in the order of their tokens.
    if (target.id.starts_with("omlx"))
      for (const auto& layer : wanted.layers)
        if (auto* ring = as<RotatingKVCache>(*layer)) ring->unrotate();
    expect_same(wanted.layers, second.cache.layers);
    verify_place(*place, [&](const Report& report) {
      for (const Finding& finding : report.findings)
        EXPECT_NE(finding.severity, Severity::error) << target.id << finding.message;
    });
  }
}

// hashlib.sha256(b"num_hidden_layers=3|hidden_size=64|model_type=tiny").hexdigest()[:16]
TEST(Stores, FingerprintOfVllmMlx) {
  EXPECT_EQ(vllm_mlx_fingerprint(R"({"model_type": "tiny", "hidden_size": 64, "num_hidden_layers": 3, "head_dim": null})"),
            "29bc7828bc71e7ce");
}

TEST(Stores, WhatAServerCouldNotRestoreIsRefused) {
  const Restored first = restored("apc-exact-hybrid-bf16", "extended.json");
  const Folder folder;
  ExportRequest request;
  request.cache = &first.cache;
  request.ids = first.ids;
  request.ids.push_back(7);
  request.ids.push_back(8);
  request.folder = folder.str() + "/out";
  request.model_folder = folder.str();
  std::ofstream(folder.str() + "/config.json") << "{}";
  for (const auto& target : export_targets()) EXPECT_THROW(static_cast<void>(target.write(request)), Error) << target.id;
  EXPECT_FALSE(fs::exists(request.folder + "/index.json"));
}

}  // namespace
}  // namespace kvcache::foreign

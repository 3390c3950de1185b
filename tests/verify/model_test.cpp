// A file against the folder of a model.
#include <gtest/gtest.h>

#include <filesystem>

#include "kvcache/generate.h"
#include "kvcache/stamp.h"
#include "kvcache/transform.h"
#include "sample.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::codes_of;
using test::error_of;
using test::ones;
using test::Sample;

/// A folder with one of testdata/configs as config.json.
class Model {
 public:
  explicit Model(const std::string& name) : Model(name, {}) {}
  Model(const std::string& name, const std::map<std::string, std::string>& others) {
    const std::string config = test::read_file(KVCACHE_TESTDATA "/configs/" + name + ".json");
    test::write_file(folder_ / "config.json", config.empty() ? name : config);
    for (const auto& [file, text] : others) test::write_file(folder_ / file, text);
  }
  [[nodiscard]] std::string path() const { return folder_.str(); }
  [[nodiscard]] ModelFolder read() const { return read_model_folder(path()); }
  void change(const std::string& file, const std::string& text) const { test::write_file(folder_ / file, text); }
  void remove(const std::string& file) const { std::filesystem::remove(folder_ / file); }

 private:
  test::Folder folder_;
};

/// What verify says of a cache beside a model, KV8xx only.
Findings compared(const PromptCache& cache, const ModelFolder& model, Era era = Era::P4) {
  const test::Folder folder;
  const Encoded encoded = encode(cache, era);
  write_safetensors(folder / "cache", encoded.tensors, encoded.metadata);
  VerifyOptions options;
  options.model = std::make_shared<const ModelFolder>(model);
  Findings findings = verify_file(folder / "cache", options).findings;
  std::erase_if(findings, [](const Finding& f) { return !f.code.starts_with("KV8"); });
  return findings;
}

PromptCache cache_of(const ModelFolder& model, std::int64_t tokens = 12) {
  GenerateOptions how;
  how.tokens = tokens;
  return generate_prompt_cache(model.config->layers, how);
}

bool all_slots_known(const LayerSpec& spec) {
  return spec.slot_shapes.size() >= spec.slots && std::ranges::all_of(spec.children, all_slots_known);
}

TEST(CheckModel, CachesOfTheModelItself) {
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KVCACHE_TESTDATA "/configs")) {
    const Model model(entry.path().stem().string());
    const ModelFolder read = model.read();
    ASSERT_TRUE(read.config) << entry.path();
    if (!std::ranges::all_of(read.config->layers, all_slots_known)) continue;
    ++models;
    EXPECT_EQ(codes_of(compared(cache_of(read), read)), "") << entry.path();
  }
  EXPECT_GE(models, 20);
}

TEST(CheckModel, QuantizedCachesAreOfTheSameModel) {
  const ModelFolder model = Model("llama").read();
  PromptCache cache = cache_of(model);
  QuantizeRequest request;
  (void)quantize_prompt_cache(cache, request);
  EXPECT_EQ(cache.layers[0]->class_name(), "QuantizedKVCache");
  EXPECT_EQ(codes_of(compared(cache, model)), "");
}

TEST(CheckModel, OtherSizesAreNamedOnce) {
  const Findings findings = compared(cache_of(Model("gpt2").read()), Model("llama").read());
  ASSERT_EQ(codes_of(findings), "KV811 KV814 KV814 KV814");
  EXPECT_EQ(findings[0].message, "2 layers, the model has caches for 3");
  EXPECT_EQ(findings[1].where, "layer 0");
  EXPECT_EQ(findings[1].message, "KV heads: 12, the model has 8 (and 1 more layer)");
  EXPECT_EQ(findings[2].message, "key head dim 64, the model has 128 (and 1 more layer)");
}

TEST(CheckModel, LayersOfADraftModelBehindItsOwn) {
  const ModelFolder model = Model("llama").read();
  PromptCache cache = cache_of(model);
  PromptCache draft = cache_of(Model("gpt2").read());
  for (auto& layer : draft.layers) cache.layers.push_back(std::move(layer));
  const Findings findings = compared(cache, model);
  ASSERT_EQ(codes_of(findings), "KV812");
  EXPECT_EQ(findings[0].where, "layer 3");
}

TEST(CheckModel, OtherWindows) {
  const ModelFolder model = Model("gemma3_text").read();
  PromptCache cache = cache_of(model);
  const auto& specs = model.config->layers;
  const auto window = std::ranges::find(specs, LayerSpec::Kind::rotating, &LayerSpec::kind) - specs.begin();
  const auto full = std::ranges::find(specs, LayerSpec::Kind::kv, &LayerSpec::kind) - specs.begin();
  ASSERT_LT(window, static_cast<std::ptrdiff_t>(specs.size()));
  ASSERT_LT(full, static_cast<std::ptrdiff_t>(specs.size()));

  std::vector<LayerSpec> other = specs;
  other[static_cast<std::size_t>(window)].max_size += 1;
  GenerateOptions how;
  how.tokens = 12;
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, how), model)), "KV815");

  other = specs;
  other[static_cast<std::size_t>(window)].kind = LayerSpec::Kind::kv;
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, how), model)), "KV816") << "usable: it only takes more room";
  other = specs;
  other[static_cast<std::size_t>(full)].kind = LayerSpec::Kind::rotating;
  other[static_cast<std::size_t>(full)].max_size = 64;
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, how), model)), "KV816") << "as --max-kv-size makes it";
}

TEST(CheckModel, RecurrentLayers) {
  const ModelFolder model = Model("qwen3_next").read();
  std::vector<LayerSpec> other = model.config->layers;
  const auto arrays = std::ranges::find(other, LayerSpec::Kind::arrays, &LayerSpec::kind);
  const auto full = std::ranges::find(other, LayerSpec::Kind::kv, &LayerSpec::kind);
  ASSERT_NE(arrays, other.end());
  ASSERT_NE(full, other.end());
  GenerateOptions how;
  how.tokens = 12;
  arrays->slot_shapes[0].back() += 1;
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, how), model)), "KV814");
  other = model.config->layers;
  std::swap(*arrays, *full);
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, how), model)), "KV813 KV813");
}

TEST(CheckModel, DigestsOfTheStamp) {
  const Model model("llama", {{"tokenizer.json", "{}"}, {"merges.txt", ""}});
  PromptCache cache = cache_of(model.read());
  Stamp stamp;
  stamp.model_sha256 = model_digests(model.path());
  EXPECT_EQ(stamp.model_sha256.size(), 3U);
  EXPECT_EQ(stamp.model_sha256.at("tokenizer.json"), sha256("{}"));
  // A name that nobody looks for here says nothing, wherever it points.
  stamp.model_sha256["../../etc/passwd"] = sha256("");
  cache.metadata[std::string(stamp_key)] = to_json(stamp);
  EXPECT_EQ(codes_of(compared(cache, model.read())), "");
  model.change("tokenizer.json", "{ }");
  model.remove("merges.txt");
  const Findings findings = compared(cache, model.read());
  ASSERT_EQ(codes_of(findings), "KV821 KV821");
  EXPECT_EQ(findings[0].message, "tokenizer.json of the model is not the one that was there when the file was stamped");
  EXPECT_EQ(findings[1].message, "merges.txt of the model is missing, but was there when the file was stamped");
}

TEST(CheckModel, ModelsThatAreNotKnown) {
  const PromptCache cache = cache_of(Model("llama").read());
  const Model unknown(R"({"model_type": "x", "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64,
                          "layer_types": ["full_attention", "something_else"]})");
  const ModelFolder read = unknown.read();
  EXPECT_FALSE(read.config);
  EXPECT_EQ(codes_of(compared(cache, read)), "KV810");
}

TEST(ReadModelFolder, WhatIsNone) {
  const test::Folder empty;
  const auto missing = error_of([&] { (void)read_model_folder(empty.str()); });
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->kind(), ErrorKind::io);
  EXPECT_EQ(std::string(missing->what()), "config.json cannot be read: No such file or directory");
  const auto garbage = error_of([&] { (void)Model("garbage").read(); });
  ASSERT_TRUE(garbage);
  EXPECT_EQ(garbage->kind(), ErrorKind::unreadable);
}

}  // namespace
}  // namespace kvcache

// A file against the folder of a model.
#include <gtest/gtest.h>

#include <filesystem>

#include "kvcache/caches.h"
#include "kvcache/generate.h"
#include "kvcache/model_folder.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/sha256.h"
#include "kvcache/stamp.h"
#include "kvcache/transform.h"
#include "kvcache/verify.h"
#include "support/errors.h"
#include "support/sample.h"

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

GenerateOptions filled(const ModelFolder& model, std::int64_t tokens = 12) {
  GenerateOptions how;
  how.tokens = tokens;
  how.dtype = model.config->dtype.value_or(Dtype::F16);
  return how;
}

PromptCache cache_of(const ModelFolder& model, std::int64_t tokens = 12) {
  return generate_prompt_cache(model.config->layers, filled(model, tokens));
}

TEST(CheckModel, CachesOfTheModelItself) {
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KVCACHE_TESTDATA "/configs")) {
    const Model model(entry.path().stem().string());
    const ModelFolder read = model.read();
    if (entry.path().stem() == "olmo_hybrid") continue;  // not in mlx-lm yet
    ASSERT_TRUE(read.config) << entry.path() << read.why_no_config;
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
  ASSERT_EQ(codes_of(findings), "KV811 KV814 KV814 KV814 KV818");  // and F16 instead of BF16
  EXPECT_EQ(findings[0].message, "2 layers, the model has caches for 3");
  EXPECT_EQ(findings[1].where.text(), "layer 0");
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
  EXPECT_EQ(findings[0].where.text(), "layer 3");
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
  const GenerateOptions how = filled(model);
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
  const GenerateOptions how = filled(model);
  arrays->slot_shapes[0].back() += 1;
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, how), model)), "KV814");
  other = model.config->layers;
  std::swap(*arrays, *full);
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, how), model)), "KV813 KV813");
}

TEST(CheckModel, DtypesOfKeysAndOfState) {
  const ModelFolder llama = Model("llama").read();
  ASSERT_EQ(llama.config->dtype, Dtype::BF16);
  GenerateOptions how = filled(llama);
  how.dtype = Dtype::F16;
  const Findings findings = compared(generate_prompt_cache(llama.config->layers, how), llama);
  ASSERT_EQ(codes_of(findings), "KV818");
  EXPECT_EQ(findings[0].message, "keys and values are F16, config.json says BF16 (and 2 more layers)");

  const ModelFolder delta = Model("qwen3_next").read();
  std::vector<LayerSpec> other = delta.config->layers;
  std::ranges::find(other, LayerSpec::Kind::arrays, &LayerSpec::kind)->slot_dtypes[1] = std::nullopt;
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, filled(delta)), delta)), "KV818") << "its state is in F32";
}

TEST(CheckModel, StateThatTheCheckpointDecidesOn) {
  const ModelFolder mamba = Model(R"({"model_type": "mamba", "hidden_size": 32, "intermediate_size": 64, "state_size": 8,
                                     "num_hidden_layers": 1, "conv_kernel": 4, "torch_dtype": "bfloat16"})")
                                .read();
  ASSERT_TRUE(mamba.config) << mamba.why_no_config;
  std::vector<LayerSpec> other = mamba.config->layers;
  other[0].slot_dtypes[1] = Dtype::F32;
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, filled(mamba)), mamba)), "");
  other[0].slot_dtypes[1] = Dtype::F16;
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(other, filled(mamba)), mamba)), "KV818");
}

TEST(CheckModel, LatentsCannotBeQuantized) {
  const ModelFolder model = Model("deepseek_v3").read();
  PromptCache cache = cache_of(model);
  (void)quantize_prompt_cache(cache, QuantizeRequest{});
  EXPECT_EQ(codes_of(compared(cache, model)), "KV819");
}

TEST(CheckModel, AnUnusedLayerAmongUsedOnes) {
  const ModelFolder model = Model("llama").read();
  PromptCache cache = cache_of(model);
  cache.layers[1] = std::make_unique<KVCache>();
  EXPECT_EQ(codes_of(compared(cache, model, Era::S4)), "KV817");
  for (auto& layer : cache.layers) layer = std::make_unique<KVCache>();
  EXPECT_EQ(codes_of(compared(cache, model, Era::S4)), "") << "a cache that was never used";
}

TEST(CheckModel, SwiftsOwnLayersForSwiftsFiles) {
  const ModelFolder model = Model("llama_sliding").read();
  ASSERT_TRUE(model.swift_config);
  EXPECT_EQ(codes_of(compared(cache_of(model), model, Era::P4)), "");
  EXPECT_EQ(codes_of(compared(cache_of(model), model, Era::S4)), "KV816") << "no windows in its Llama";
  EXPECT_EQ(codes_of(compared(generate_prompt_cache(model.swift_config->layers, filled(model)), model, Era::S4)), "");
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
  for (const char* json : {R"({"model_type": "x", "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64})",
                           R"({"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4})",
                           R"({"model_type": "nemotron_h", "hybrid_override_pattern": "MX"})"}) {
    const ModelFolder read = Model(json).read();
    EXPECT_FALSE(read.config);
    EXPECT_FALSE(read.why_no_config.empty());
    EXPECT_EQ(codes_of(compared(cache, read)), "KV810") << json;
  }
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

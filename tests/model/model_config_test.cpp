// What a config.json says about caches. The configs are in testdata/configs; where testdata/golden/models has a file of such a
// model, the shapes are those found in it.
#include "kvcache/model_config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "kvcache/caches.h"
#include "support/errors.h"
#include "support/folder.h"

namespace kvcache {
namespace {

ModelConfig config(const std::string& name) {
  return read_model_config(fmt::format(KVCACHE_TESTDATA "/configs/{}.json", name));
}

std::string dims(const LayerSpec& spec) {
  const std::string values = spec.value_dim == spec.key_dim ? "" : fmt::format("/{}", spec.value_dim);
  return fmt::format("{}x{}{}", spec.kv_heads, spec.key_dim, values);
}

std::string slots(const LayerSpec& spec) {
  std::string text = fmt::format("{} slots", spec.slots);
  for (std::size_t i = 0; i < spec.slot_shapes.size(); ++i) {
    text += ' ' + to_string(spec.slot_shapes[i]);
    if (i < spec.slot_dtypes.size() && spec.slot_dtypes[i]) text += name(*spec.slot_dtypes[i]);
  }
  return text;
}

std::string in_words(const LayerSpec& spec) {
  switch (spec.kind) {
    case LayerSpec::Kind::rotating:
      return fmt::format("window {} keep {} {}", spec.max_size, spec.keep, dims(spec));
    case LayerSpec::Kind::chunked:
      return fmt::format("chunk {} {}", spec.chunk_size, dims(spec));
    case LayerSpec::Kind::arrays:
      return slots(spec);
    case LayerSpec::Kind::list:
      break;
    case LayerSpec::Kind::kv:
      return "kv " + dims(spec);
  }
  std::string text = "list(";
  for (const LayerSpec& child : spec.children) text += (text.back() == '(' ? "" : " + ") + in_words(child);
  return text + ')';
}

/// "2 window 512 keep 0 1x256, 1 kv 1x256": layers that follow each other and are alike are counted.
std::string layers(const std::string& name) {
  std::string text;
  std::string last;
  int count = 0;
  const auto flush = [&] {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, last);
    count = 0;
  };
  for (const LayerSpec& spec : config(name).layers) {
    const std::string words = in_words(spec);
    if (words != last) flush();
    last = words;
    ++count;
  }
  flush();
  return text;
}

TEST(ModelConfig, HeadsAndDimsOfPlainLayers) {
  EXPECT_EQ(layers("llama"), "3 kv 8x128");  // no head_dim: hidden_size / num_attention_heads
  EXPECT_EQ(layers("gpt2"), "2 kv 12x64");   // no num_key_value_heads: as many as query heads
  EXPECT_EQ(config("llama").model_type, "llama");
  EXPECT_EQ(config("llama").dtype, Dtype::BF16);
  EXPECT_EQ(config("gpt2").dtype, std::nullopt);
}

TEST(ModelConfig, WindowsOnlyWhereMlxLmMakesThem) {
  EXPECT_EQ(layers("mistral"), "2 kv 8x128");  // sliding_window null
  EXPECT_EQ(layers("gemma2"), "2 kv 4x256");   // mlx-lm keeps everything, whatever layer_types say
  EXPECT_EQ(layers("llama_sliding"), "1 kv 2x32, 1 window 16 keep 0 2x32, 1 kv 2x32, 1 window 16 keep 0 2x32");
}

TEST(ModelConfig, PatternsOfSlidingAttention) {
  EXPECT_EQ(layers("gemma3"), "5 window 1024 keep 0 4x256, 1 kv 4x256, 2 window 1024 keep 0 4x256");
  EXPECT_EQ(layers("gemma3_text"),
            "2 window 512 keep 0 1x256, 1 kv 1x256, 2 window 512 keep 0 1x256, 1 kv 1x256, 1 window 512 keep 0 1x256");
  EXPECT_EQ(layers("gpt_oss"), "1 window 128 keep 0 8x64, 1 kv 8x64, 1 window 128 keep 0 8x64, 1 kv 8x64");
  EXPECT_EQ(layers("cohere2"), "3 window 4096 keep 0 8x128, 1 kv 8x128");
  EXPECT_EQ(layers("exaone4"), "2 window 4096 keep 0 8x128, 1 kv 8x128, 1 window 4096 keep 0 8x128");  // "LLG"
  EXPECT_EQ(layers("llama4"), "3 chunk 8192 8x128, 1 kv 8x128");
}

TEST(ModelConfig, LayersThatShareACacheAreNotInTheFile) {
  EXPECT_EQ(layers("gemma3n"), "4 window 512 keep 0 2x256, 1 kv 2x256, 1 window 512 keep 0 2x256");
}

TEST(ModelConfig, GlobalLayersMayHaveOtherHeads) {
  EXPECT_EQ(layers("gemma4"), "2 window 1024 keep 0 8x256, 1 kv 2x512");
}

TEST(ModelConfig, LatentAttention) {
  EXPECT_EQ(layers("deepseek_v3"), "2 kv 1x512/64");
  EXPECT_EQ(layers("deepseek_v2"), "2 kv 16x192/128");
  EXPECT_EQ(layers("deepseek_v32"), "2 list(kv 1x512/64 + kv 1x128/0)");
  EXPECT_EQ(layers("longcat_flash_ngram"), "1 1 slots [3]I64, 2 list(kv 1x16/8 + kv 1x16/8)");
}

TEST(ModelConfig, RecurrentStateAsInRealFiles) {
  EXPECT_EQ(layers("qwen3_5"), "3 2 slots [2, 384] [4, 32, 32]F32, 1 kv 4x64");
  EXPECT_EQ(layers("falcon_h1"), "3 list(2 slots [3, 160] [4, 32, 16]F32 + kv 2x32)");
  EXPECT_EQ(layers("recurrent_gemma"),
            "2 2 slots [3, 128] [128], 1 window 16 keep 0 1x32, 2 2 slots [3, 128] [128], 1 window 16 keep 0 1x32");
  EXPECT_EQ(layers("kimi_linear"), "3 4 slots [3, 256] [3, 256] [3, 256] [8, 32, 32]F32, 1 kv 1x16/8");
  EXPECT_EQ(layers("rwkv7"), "4 3 slots [1, 128] [4, 32, 32] [1, 128]");
  EXPECT_EQ(layers("baichuan_m1"),
            "1 list(2 slots [2, 1, 32] [2, 1, 32] + window 1024 keep 0 2x32), 1 list(2 slots [2, 1, 32] [2, 1, 32] + kv 2x32), "
            "1 list(2 slots [2, 1, 32] [2, 1, 32] + window 1024 keep 0 2x32), 1 list(2 slots [2, 1, 32] [2, 1, 32] + kv 2x32)");
}

TEST(ModelConfig, OtherRecurrentModels) {
  EXPECT_EQ(layers("qwen3_next"), "3 2 slots [3, 8192] [32, 128, 128]F32, 1 kv 2x256");
  EXPECT_EQ(layers("nemotron_h"), "2 2 slots [3, 10240] [128, 64, 128]F32, 1 kv 8x128");  // "M-M*-E"
  EXPECT_EQ(layers("granitemoehybrid"), "2 2 slots [3, 3328] [48, 64, 128]F32, 1 kv 4x128");
  EXPECT_EQ(layers("mamba2"), "2 2 slots [3, 768] [8, 64, 128]F32");
  EXPECT_EQ(layers("jamba"), "2 2 slots [3, 512] [512, 16], 1 kv 2x32, 1 2 slots [3, 512] [512, 16]");
  EXPECT_EQ(layers("lfm2"), "2 1 slots [2, 1024], 1 kv 8x64");
}

TEST(ModelConfig, MakesEmptyCachesOfTheRightClasses) {
  const auto caches = make_prompt_cache(config("baichuan_m1"));
  ASSERT_EQ(caches.size(), 4U);
  const auto& list = dynamic_cast<const CacheList&>(*caches[0]);
  EXPECT_EQ(list.children()[0]->class_name(), "ArraysCache");
  EXPECT_EQ(dynamic_cast<const RotatingKVCache&>(*list.children()[1]).state().max_size, 1024);
  EXPECT_TRUE(caches[0]->empty());
}

std::string config_refusal(const std::string& json) {
  const auto error = test::error_of([&] { static_cast<void>(parse_model_config(json)); });
  return error ? error->what() : "";
}

/// A llama of two layers, with these fields in place of its own.
std::string llama(const std::string& fields) {
  return R"({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, )" + fields + "}";
}

TEST(ModelConfig, RefusesWhatIsNoConfig) {
  EXPECT_EQ(config_refusal(""), "not a JSON object");
  EXPECT_EQ(config_refusal("[1]"), "not a JSON object");
  EXPECT_EQ(config_refusal("{\"num_hidden_layers\":"), "not a JSON object");
  EXPECT_EQ(config_refusal(R"({"architectures": ["X"]})"),
            "model_type is absent: which model it is decides which caches it has");
  EXPECT_EQ(config_refusal(R"({"model_type": ["llama"]})"),
            "model_type is a list of 1: which model it is decides which caches it has");
  EXPECT_EQ(config_refusal(R"({"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 8})"),
            "llama: there is no hidden_size, which mlx_lm/models/llama.py needs");
}

TEST(ModelConfig, ATypeThatIsNotInTheTableIsNotGuessed) {
  EXPECT_EQ(config_refusal(R"({"model_type": "new", "num_hidden_layers": 4, "num_attention_heads": 4, "hidden_size": 64})"),
            "the model type \"new\" is not known here");
  EXPECT_EQ(config_refusal(R"({"model_type": "bert"})"), "\"bert\": an encoder has no prompt cache");
}

TEST(ModelConfig, RefusesFieldsOfAnotherTypeOrSize) {
  const std::string number = ", not an integer from 1 to 2147483647";
  EXPECT_EQ(config_refusal(llama(R"("num_hidden_layers": "2")")), "llama: num_hidden_layers is \"2\"" + number);
  EXPECT_EQ(config_refusal(llama(R"("num_hidden_layers": 2.0)")), "llama: num_hidden_layers is 2.0" + number);
  EXPECT_EQ(config_refusal(llama(R"("num_hidden_layers": 0)")), "llama: num_hidden_layers is 0" + number);
  EXPECT_EQ(config_refusal(llama(R"("num_hidden_layers": null)")), "llama: num_hidden_layers is null");
  EXPECT_EQ(config_refusal(llama(R"("num_hidden_layers": true)")), "llama: num_hidden_layers is true" + number);
  EXPECT_EQ(config_refusal(llama(R"("num_hidden_layers": 18446744073709551615)")),
            "llama: num_hidden_layers is 18446744073709551615" + number);
  EXPECT_EQ(config_refusal(llama(R"("num_hidden_layers": 2000000000)")),
            "llama: 2000000000 layers are more than any model has");
  EXPECT_EQ(config_refusal(llama(R"("num_key_value_heads": NaN)")), "llama: num_key_value_heads is \"NaN\"" + number);
  EXPECT_EQ(config_refusal(llama(R"("hidden_size": 2)")), "llama: head_dim is 0: no size of a cache");
  EXPECT_EQ(config_refusal(llama(R"("layer_types": 7)")), "llama: layer_types is 7, not a list");
  EXPECT_EQ(config_refusal(llama(R"("layer_types": ["sliding_attention", "full_attention"])")),
            "llama: there is no sliding_window");
}

TEST(ModelConfig, AListThatNobodyHasIsNoList) {
  std::string list = "[0";
  for (int i = 0; i < 20000; ++i) list += ",0";
  EXPECT_EQ(config_refusal(llama(R"("layer_types": )" + list + "]")),
            "llama: a list of 20001 entries: more than any model has layers");
}

TEST(ModelConfig, ReadsWhatPythonWrites) {
  const ModelConfig c =
      parse_model_config(llama(R"("time_step_limit": [0.0, Infinity], "x": -Infinity, "y": "NaN \" NaN", "z": NaN)"));
  EXPECT_EQ(c.layers.size(), 2U);
}

TEST(ModelConfig, SaysWhatItWentBy) {
  const ModelConfig c = parse_model_config(
      R"({"model_type": "mistral", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "torch_dtype": "bfloat16"})");
  EXPECT_EQ(c.model_type, "mistral");
  EXPECT_EQ(c.row, "llama");
  EXPECT_EQ(c.source, "mlx_lm/models/llama.py");
  EXPECT_EQ(c.assumed, (std::vector<std::string>{"num_key_value_heads 4", "head_dim 16"}));
  EXPECT_TRUE(c.own_caches);
}

TEST(ModelConfig, SwiftMakesOtherCachesOfSomeTypes) {
  const std::string json = llama(R"("sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"])");
  EXPECT_EQ(parse_model_config(json).layers[0].kind, LayerSpec::Kind::rotating);
  const ModelConfig swift = parse_model_config(json, ModelCode::mlx_swift_lm);
  EXPECT_EQ(swift.layers[0].kind, LayerSpec::Kind::kv);
  EXPECT_EQ(swift.source, "mlx-swift-lm/Libraries/MLXLLM/Models/Llama.swift");
  const ModelConfig other = parse_model_config(R"({"model_type": "gemma3_text"})", ModelCode::mlx_swift_lm);
  EXPECT_EQ(other.source, "mlx_lm/models/gemma3_text.py") << "its layers are the same there";
}

TEST(ModelConfig, DtypeOfAWrapperMayBeInItsTextConfig) {
  const auto dtype = [](const std::string& outer, const std::string& inner) {
    return parse_model_config(R"({"model_type": "gemma4", )" + outer + R"("text_config": {)" + inner + "}}").dtype;
  };
  EXPECT_EQ(dtype(R"("torch_dtype": "float16", )", R"("dtype": "bfloat16")"), Dtype::BF16);
  EXPECT_EQ(dtype(R"("torch_dtype": "float16", )", ""), Dtype::F16);
  EXPECT_EQ(dtype("", R"("torch_dtype": "torch.float32")"), Dtype::F32);
  EXPECT_EQ(dtype("", ""), std::nullopt);
}

TEST(ModelConfig, ReadsTheConfigOfAFolder) {
  const test::Folder folder;
  test::write_file(folder / "config.json", llama(R"("num_hidden_layers": 1)"));
  EXPECT_EQ(read_model_config(folder.str()).layers.size(), 1U);
}

TEST(ModelConfig, RefusesFilesThatCannotBeOne) {
  const test::Folder folder;
  const auto refused = [](const std::string& path) {
    return test::error_of([&] { static_cast<void>(read_model_config(path)); });
  };
  EXPECT_EQ(refused(folder / "missing")->kind(), ErrorKind::io);
  EXPECT_EQ(refused("/dev/zero")->kind(), ErrorKind::io);
  test::write_file(folder / "huge.json", std::string((16U << 20U) + 1, ' '));
  EXPECT_STREQ(refused(folder / "huge.json")->what(), "more than 16 MiB");
}

}  // namespace
}  // namespace kvcache

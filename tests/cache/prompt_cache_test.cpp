#include "kvcache/prompt_cache.h"

#include <gtest/gtest.h>

#include "kvcache/caches.h"
#include "kvcache/quantize_cache.h"
#include "kvcache/transform.h"
#include "support/errors.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::append;
using test::count_from;
using test::error_of;
using test::Tokens;

using Indices = std::vector<std::int64_t>;

// One layer of each: everything kept, and a window of 8.
PromptCache prompt(const Tokens& tokens) {
  PromptCache cache;
  cache.layers.push_back(std::make_unique<KVCache>());
  cache.layers.push_back(std::make_unique<RotatingKVCache>(8, 0));
  for (const auto& layer : cache.layers) append(*layer, tokens);
  cache.metadata["model"] = "m";
  return cache;
}

std::map<std::string, Tensor> update(const Tokens& tokens, const std::vector<std::string>& paths) {
  std::map<std::string, Tensor> arrays;
  const test::Rows rows = test::rows_of(tokens);
  for (const std::string& path : paths) {
    arrays[path + ".keys"] = rows.keys;
    arrays[path + ".values"] = rows.values;
  }
  return arrays;
}

TEST(PromptCache, TrimsEveryLayer) {
  PromptCache cache = prompt(count_from(1, 6));
  EXPECT_EQ(trim_prompt_cache(cache, 2), 2);
  EXPECT_EQ(token_count(cache), 4);
  EXPECT_EQ(trim_prompt_cache(cache, 100), 4);
  EXPECT_EQ(token_count(cache), 0);
  PromptCache none;
  EXPECT_EQ(trim_prompt_cache(none, 1), 0);
}

TEST(PromptCache, TrimsNoLayerWhenOneCannot) {
  PromptCache cache = prompt(count_from(1, 6));
  for (int token = 7; token <= 10; ++token) append(*cache.layers[1], Tokens{token});
  const auto error = error_of([&] { trim_prompt_cache(cache, 1); });
  EXPECT_STREQ(error->what(),
               "layer 1 (RotatingKVCache) cannot be trimmed: the window of 8 has wrapped: 2 of its first tokens are gone");
  EXPECT_NE(error->remedy().text(), "");
  EXPECT_EQ(cache.layers[0]->size(), 6);
}

// A prompt longer than the window, stored whole.
TEST(PromptCache, SaysHowWindowsThatAreFullButWholeCanBeTrimmed) {
  PromptCache cache = prompt(count_from(1, 9));
  const auto whole = error_of([&] { trim_prompt_cache(cache, 1); });
  EXPECT_NE(whole->remedy().text().find("convert(class=KVCache)"), std::string::npos);
  cache.layers.push_back(std::make_unique<ArraysCache>(2));
  const auto recurrent = error_of([&] { trim_prompt_cache(cache, 1); });
  EXPECT_EQ(recurrent->remedy().text().find("convert(class=KVCache)"), std::string::npos);
}

TEST(PromptCache, AppendsTheSameTokensToEveryLayer) {
  PromptCache cache = prompt({1, 2});
  auto arrays = update({3, 4}, {"0"});
  arrays.merge(update({3}, {"1"}));
  EXPECT_STREQ(error_of([&] { append_prompt_cache(cache, arrays); })->what(),
               "the update has 2 tokens in 0.keys and 1 token in 1.keys");
  EXPECT_EQ(token_count(cache), 2);
}

TEST(PromptCache, AppendsToEveryLayerOrNone) {
  PromptCache cache = prompt({1, 2});
  append_prompt_cache(cache, update({3, 4}, {"0", "1"}));
  EXPECT_EQ(token_count(cache), 4);
  EXPECT_STREQ(error_of([&] { append_prompt_cache(cache, update({5}, {"0"})); })->what(),
               "layer 1 (RotatingKVCache): the update has no 1.keys");
  EXPECT_STREQ(error_of([&] {
                 append_prompt_cache(cache, update({5}, {"0", "1", "2"}));
               })->what(),
               "the update's 2.keys belongs to no layer");
  auto half = update({5}, {"0", "1"});
  half.erase("1.values");
  EXPECT_EQ(error_of([&] { append_prompt_cache(cache, half); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(token_count(cache), 4);
}

TEST(PromptCache, AppendsWithinLists) {
  std::vector<std::unique_ptr<Cache>> children;
  children.push_back(std::make_unique<KVCache>());
  children.push_back(std::make_unique<KVCache>());
  PromptCache cache;
  cache.layers.push_back(std::make_unique<CacheList>(std::move(children)));
  append_prompt_cache(cache, update({1, 2}, {"0.0", "0.1"}));
  EXPECT_EQ(token_count(cache), 2);
  EXPECT_STREQ(error_of([&] { append_prompt_cache(cache, update({1}, {"0.0"})); })->what(),
               "layer 0 (CacheList): child 1 (KVCache): the update has no 0.1.keys");
}

// Its state would be that of an older moment.
TEST(PromptCache, AppendsNothingBesideRecurrentState) {
  const auto hybrid = [](bool in_list) {
    std::vector<std::unique_ptr<Cache>> caches;
    caches.push_back(std::make_unique<KVCache>());
    caches.push_back(std::make_unique<ArraysCache>(2));
    PromptCache cache;
    if (in_list) cache.layers.push_back(std::make_unique<CacheList>(std::move(caches)));
    if (!in_list) cache.layers = std::move(caches);
    return cache;
  };
  PromptCache flat = hybrid(false);
  EXPECT_STREQ(
      error_of([&] {
        append_prompt_cache(flat, update({1, 2}, {"0"}));
      })->what(),
      "layer 1 (ArraysCache) holds recurrent state, which takes no keys and values and would stay behind the new tokens");
  PromptCache list = hybrid(true);
  EXPECT_EQ(error_of([&] { append_prompt_cache(list, update({1, 2}, {"0.0"})); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(token_count(list), 0);
}

TEST(PromptCache, DropsNoRowsBehindAnOffset) {
  const auto packed = [] {
    return Quantized{Tensor::zeros(Dtype::U32, {1, 1, 5, 8}), Tensor::zeros(Dtype::F16, {1, 1, 5, 1}),
                     Tensor::zeros(Dtype::F16, {1, 1, 5, 1})};
  };
  PromptCache cache;
  cache.layers.push_back(std::make_unique<QuantizedKVCache>(QuantizedKVCache::State{packed(), packed(), 2, 64, 4}));
  const auto refused = [&](auto&& operation) {
    const auto error = error_of(operation);
    return error && error->kind() == ErrorKind::impossible && std::string(error->what()).find("layer 0") == 0 &&
           std::string(error->what()).find("5 rows but offset 2") != std::string::npos &&
           error->remedy().text().find("repair()") != std::string::npos;
  };
  const Tensor row = Tensor::zeros(Dtype::F16, {1, 1, 1, 64});
  QuantizeRequest request;
  request.requantize = true;
  EXPECT_TRUE(refused([&] { dequantize_prompt_cache(cache, {}); }));
  EXPECT_TRUE(refused([&] { static_cast<void>(quantize_prompt_cache(cache, request)); }));
  EXPECT_TRUE(refused([&] { trim_prompt_cache(cache, 1); }));
  EXPECT_TRUE(refused([&] { trim_prompt_cache_to(cache, 3); }));
  EXPECT_TRUE(refused([&] { append_prompt_cache(cache, {{"0.keys", row}, {"0.values", row}}); }));
  EXPECT_EQ(trim_prompt_cache_to(cache, 2), 0);
}

TEST(PromptCache, MergesExtractsFiltersAndExtends) {
  const PromptCache a = prompt(count_from(1, 6));
  const PromptCache b = prompt({11, 12});
  const std::vector<const PromptCache*> caches{&a, &b};
  const std::vector<std::string> names{"a", "b"};
  PromptCache batch = merge_prompt_caches(caches, names);
  EXPECT_EQ(batch_size(batch), 2);
  EXPECT_EQ(batch.metadata.at("model"), "m");
  extend_prompt_cache(batch, batch.copy(), "itself");
  EXPECT_EQ(batch_size(batch), 4);
  filter_prompt_cache(batch, Indices{3, 0});
  EXPECT_EQ(token_count(extract_prompt_cache(batch, 0)), 2);
  EXPECT_EQ(token_count(extract_prompt_cache(batch, 1)), 6);
  EXPECT_EQ(error_of([&] { static_cast<void>(extract_prompt_cache(batch, 2)); })->kind(), ErrorKind::usage);
}

TEST(PromptCache, NamesTheFirstMismatchOfAMerge) {
  const PromptCache a = prompt({1});
  PromptCache other_window = prompt({1});
  other_window.layers[1] = std::make_unique<RotatingKVCache>(16, 0);
  PromptCache fewer = prompt({1});
  fewer.layers.pop_back();
  const std::vector<std::string> names{"a.safetensors", "b.safetensors"};
  const auto message = [&](const PromptCache& b) {
    const std::vector<const PromptCache*> caches{&a, &b};
    return std::string(error_of([&] { static_cast<void>(merge_prompt_caches(caches, names)); })->what());
  };
  EXPECT_EQ(message(other_window), "layer 1 of a.safetensors and of b.safetensors differ: windows 8 and 16");
  EXPECT_EQ(message(fewer), "b.safetensors has 1 layers, but a.safetensors has 2");
  const std::vector<const PromptCache*> twice{&a, &a};
  EXPECT_EQ(message(merge_prompt_caches(twice, names)), "b.safetensors holds 2 sequences: only single ones can be merged");
  PromptCache seen = a.copy();
  seen.model_state.emplace();
  EXPECT_EQ(message(seen), "b.safetensors carries the state of a vision model, which a batch cannot");
}

TEST(PromptCache, AlignsAndUnrotates) {
  const PromptCache a = prompt({1, 2, 3});
  const std::vector<const PromptCache*> caches{&a, &a};
  PromptCache batch = merge_prompt_caches(caches, std::vector<std::string>{"a", "a"});
  align_prompt_cache(batch, {0, 1});
  EXPECT_EQ(token_count(extract_prompt_cache(batch, 1)), 2);
  PromptCache single = prompt(count_from(1, 8));
  EXPECT_EQ(unrotate_prompt_cache(single), 0U);
  append_prompt_cache(single, update({9}, {"0", "1"}));
  EXPECT_EQ(unrotate_prompt_cache(single), 1U);
  EXPECT_EQ(unrotate_prompt_cache(single), 0U);
  EXPECT_EQ(error_of([&] { align_prompt_cache(single, {1}); })->kind(), ErrorKind::impossible);
}

TEST(PromptCache, LayersOfOneFileShareABatch) {
  PromptCache cache = prompt({1});
  cache.layers.push_back(std::make_unique<BatchKVCache>(Int32s{0, 0}));
  EXPECT_STREQ(error_of([&] { static_cast<void>(batch_size(cache)); })->what(),
               "layer 2 (BatchKVCache) holds 2 sequences, but layer 0 (KVCache) holds 1");
  EXPECT_EQ(batch_size(PromptCache{}), 1);
}

// Files do not say for how many sequences a layer is that was never used: the other layers do.
TEST(PromptCache, UnusedLayersAreForTheSequencesOfTheOthers) {
  const auto batch_of = [](std::int64_t sequences, const Tensor& slot) {
    PromptCache cache;
    cache.layers.push_back(std::make_unique<BatchKVCache>(Int32s(static_cast<std::size_t>(sequences))));
    ArraysCache::State state;
    state.slots = {slot};
    std::vector<std::unique_ptr<Cache>> children;
    children.push_back(std::make_unique<ArraysCache>(std::move(state)));
    cache.layers.push_back(std::make_unique<CacheList>(std::move(children)));
    return cache;
  };
  const auto slot_of = [](const PromptCache& cache) {
    const auto& list = dynamic_cast<const CacheList&>(*cache.layers[1]);
    return dynamic_cast<const ArraysCache&>(*list.children()[0]).state().slots[0];
  };
  const Tensor set = Tensor::of_bytes(Dtype::U8, {3, 1}, {std::byte{1}, std::byte{2}, std::byte{3}});
  PromptCache used = batch_of(3, set);
  PromptCache unused = batch_of(2, Tensor());
  const std::vector<std::int64_t> last{1};
  filter_prompt_cache(unused, last);
  EXPECT_FALSE(slot_of(unused).defined());
  EXPECT_FALSE(slot_of(extract_prompt_cache(batch_of(2, Tensor()), 1)).defined()) << "BatchKVCache knows its two";

  extend_prompt_cache(unused, used, "used");
  EXPECT_EQ(test::bytes_of(slot_of(unused)), (std::vector<std::byte>{{}, std::byte{1}, std::byte{2}, std::byte{3}}));
  extend_prompt_cache(used, batch_of(2, Tensor()), "unused");
  EXPECT_EQ(test::bytes_of(slot_of(used)), (std::vector<std::byte>{std::byte{1}, std::byte{2}, std::byte{3}, {}, {}}));
}

TEST(PromptCache, CopiesDoNotShareLayers) {
  PromptCache cache = prompt({1, 2});
  const PromptCache copy = cache.copy();
  trim_prompt_cache(cache, 1);
  EXPECT_EQ(token_count(copy), 2);
}

}  // namespace
}  // namespace kvcache

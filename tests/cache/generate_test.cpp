// Caches without a model: their shapes, and that random values depend on nothing but seed and position.
#include "kvcache/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kvcache/caches.h"
#include "kvcache/quantize.h"
#include "support/errors.h"

namespace kvcache {
namespace {

std::vector<std::byte> bytes(const Tensor& tensor) {
  std::vector<std::byte> all(tensor.nbytes());
  tensor.read(0, all);
  return all;
}

std::vector<float> floats(const Tensor& tensor) {
  const Tensor wide = cast(tensor, Dtype::F32);
  std::vector<float> all(wide.elements());
  wide.read(0, std::as_writable_bytes(std::span(all)));
  return all;
}

LayerSpec spec_of(LayerSpec::Kind kind) {
  LayerSpec spec;
  spec.kind = kind;
  spec.kv_heads = 2;
  spec.key_dim = 64;
  spec.value_dim = 32;
  spec.max_size = 8;
  spec.keep = 1;
  spec.chunk_size = 8;
  return spec;
}

template <class Class>
auto generated(const LayerSpec& spec, const GenerateOptions& options) {
  const PromptCache cache = generate_prompt_cache(std::vector{spec}, options);
  return dynamic_cast<const Class&>(*cache.layers.front()).state();
}

class RandomTensor : public testing::TestWithParam<Dtype> {};
INSTANTIATE_TEST_SUITE_P(Dtypes, RandomTensor, testing::Values(Dtype::F16, Dtype::BF16, Dtype::F32),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST_P(RandomTensor, LooksNormal) {
  const std::vector<float> values = floats(random_tensor(GetParam(), {100, 1000}, 1, 0));
  double sum = 0;
  double squares = 0;
  int within_one = 0;
  for (const float v : values) {
    ASSERT_TRUE(std::abs(v) <= 4) << v;
    sum += v;
    squares += static_cast<double>(v) * v;
    within_one += std::abs(v) < 1 ? 1 : 0;
  }
  const auto n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0, 0.02);
  EXPECT_NEAR(squares / n, 1, 0.02);
  EXPECT_NEAR(within_one / n, 0.68, 0.02);
}

TEST_P(RandomTensor, AnyPartReadAloneIsTheSame) {
  const Tensor tensor = random_tensor(GetParam(), {3, 7, 11}, 5, 2);
  const std::vector<std::byte> all = bytes(tensor);
  for (std::size_t begin = 0; begin < all.size(); begin += 13) {
    std::vector<std::byte> part(std::min<std::size_t>(29, all.size() - begin));
    tensor.read(begin, part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + static_cast<std::ptrdiff_t>(begin))) << begin;
  }
}

TEST_P(RandomTensor, DependsOnSeedAndStream) {
  const auto of = [](std::uint64_t seed, std::uint64_t stream) { return bytes(random_tensor(GetParam(), {64}, seed, stream)); };
  EXPECT_EQ(of(1, 2), of(1, 2));
  EXPECT_NE(of(1, 2), of(1, 3));
  EXPECT_NE(of(1, 2), of(2, 2));
  EXPECT_NE(of(1, 2), of(2, 1));
}

// The numbers are from a few lines of Python with exact integers.
TEST(RandomTensorValues, AreTheSameOnEveryMachine) {
  const auto values = floats(random_tensor(Dtype::F32, {4}, 42, 0));
  const auto halves = bytes(random_tensor(Dtype::F16, {4}, 42, 0));
  std::uint64_t bits = 0;
  std::memcpy(&bits, halves.data(), sizeof bits);
  EXPECT_EQ(bits, 0xB2A83EEABD613985U);
  EXPECT_EQ(values, (std::vector{0x1.61550ap-1F, 0x1.baa436p+0F, 0x1.be537cp-2F, -0x1.fafef6p-7F}));
}

TEST(RandomTensorValues, AreFloats) {
  EXPECT_EQ(test::error_of([] { static_cast<void>(random_tensor(Dtype::I32, {4}, 0, 0)); })->kind(), ErrorKind::usage);
}

TEST(Generate, PlainLayersHoldEveryToken) {
  const auto state = generated<KVCache>(spec_of(LayerSpec::Kind::kv), {.tokens = 20, .dtype = Dtype::BF16});
  EXPECT_EQ(state.keys.shape(), (Shape{1, 2, 20, 64}));
  EXPECT_EQ(state.values.shape(), (Shape{1, 2, 20, 32}));
  EXPECT_EQ(state.keys.dtype(), Dtype::BF16);
  EXPECT_EQ(bytes(state.keys), std::vector<std::byte>(state.keys.nbytes()));
}

TEST(Generate, WindowsHoldTheLastTokens) {
  const auto full = generated<RotatingKVCache>(spec_of(LayerSpec::Kind::rotating), {.tokens = 20});
  EXPECT_EQ(full.keys.dim(2), 8);
  EXPECT_EQ(full.idx, 8);
  EXPECT_EQ(full.offset, 20);
  EXPECT_EQ(full.keep, 1);
  const auto fresh = generated<RotatingKVCache>(spec_of(LayerSpec::Kind::rotating), {.tokens = 3});
  EXPECT_EQ(fresh.keys.dim(2), 3);
  EXPECT_EQ(fresh.idx, 3);
}

TEST(Generate, ChunksAreThoseOfOnePrompt) {
  const auto state = generated<ChunkedKVCache>(spec_of(LayerSpec::Kind::chunked), {.tokens = 20});
  EXPECT_EQ(state.keys.dim(2), 20);
  EXPECT_EQ(state.start_position, 0);
}

TEST(Generate, SlotsOfUnknownShapeStayUnset) {
  LayerSpec spec;
  spec.kind = LayerSpec::Kind::arrays;
  spec.slots = 3;
  spec.slot_shapes = {{3, 16}, {4, 8, 8}};
  spec.slot_dtypes = {std::nullopt, Dtype::F32};
  const auto state = generated<ArraysCache>(spec, {.tokens = 5, .batch = 2});
  EXPECT_EQ(state.slots[0].shape(), (Shape{2, 3, 16}));
  EXPECT_EQ(state.slots[0].dtype(), Dtype::F16);
  EXPECT_EQ(state.slots[1].dtype(), Dtype::F32);
  EXPECT_FALSE(state.slots[2].defined());
}

TEST(Generate, ListsHaveTheirChildren) {
  LayerSpec list;
  list.kind = LayerSpec::Kind::list;
  list.children = {spec_of(LayerSpec::Kind::kv), spec_of(LayerSpec::Kind::rotating)};
  const PromptCache cache = generate_prompt_cache(std::vector{list}, {.tokens = 20});
  const auto& children = dynamic_cast<const CacheList&>(*cache.layers[0]).children();
  EXPECT_EQ(children[0]->size(), 20);
  EXPECT_EQ(children[1]->size(), 8);
}

TEST(Generate, QuantizedLayersHoldTheSameValues) {
  GenerateOptions options{.fill = GenerateOptions::Fill::random, .tokens = 4};
  LayerSpec spec = spec_of(LayerSpec::Kind::kv);
  spec.value_dim = 64;
  const Tensor plain = generated<KVCache>(spec, options).keys;
  options.quantization = AffineQuantization{.bits = 8, .group_size = 64};
  const PromptCache cache = generate_prompt_cache(std::vector{spec}, options);
  const auto& quantized = dynamic_cast<const QuantizedKVCache&>(*cache.layers[0]);
  const std::vector<float> want = floats(plain);
  const std::vector<float> got = floats(quantized.decoded_keys());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 0.03);
}

TEST(Generate, EveryTensorHasItsOwnValues) {
  const std::vector<LayerSpec> two(2, spec_of(LayerSpec::Kind::kv));
  const PromptCache cache = generate_prompt_cache(two, {.fill = GenerateOptions::Fill::random, .tokens = 4});
  const auto keys = [&](std::size_t i) { return bytes(dynamic_cast<const KVCache&>(*cache.layers[i]).state().keys); };
  EXPECT_NE(keys(0), keys(1));
}

TEST(Generate, RefusesSizesThatCannotBe) {
  const auto refused = [](const LayerSpec& spec, const GenerateOptions& options) {
    return test::error_of([&] { static_cast<void>(generate_prompt_cache(std::vector{spec}, options)); })->kind();
  };
  LayerSpec window = spec_of(LayerSpec::Kind::rotating);
  window.keep = window.max_size;
  EXPECT_EQ(refused(window, {}), ErrorKind::usage);
  EXPECT_EQ(refused(spec_of(LayerSpec::Kind::kv), {.tokens = -1}), ErrorKind::usage);
  EXPECT_EQ(refused(spec_of(LayerSpec::Kind::kv), {.batch = 0}), ErrorKind::usage);
  LayerSpec huge = spec_of(LayerSpec::Kind::kv);
  huge.kv_heads = huge.key_dim = max_dim;
  EXPECT_EQ(refused(huge, {.fill = GenerateOptions::Fill::random, .tokens = max_dim}), ErrorKind::usage);
}

TEST(MakePromptCache, FromACount) {
  EXPECT_EQ(make_prompt_cache(3, std::nullopt)[2]->class_name(), "KVCache");
  const auto windows = make_prompt_cache(2, 128);
  EXPECT_EQ(dynamic_cast<const RotatingKVCache&>(*windows[1]).state().keep, 4);
}

}  // namespace
}  // namespace kvcache

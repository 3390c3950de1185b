// KV421 to KV426: widths and parameters of a QuantizedKVCache.
#include <gtest/gtest.h>

#include "support/places.h"

namespace {

using kvcache::Dtype;
using State = kvcache::QuantizedKVCache::State;

kvcache::Quantized arrays(std::int64_t words, std::int64_t groups) {
  return {.weights = test::zeros({1, 2, 6, words}, Dtype::U32),
          .scales = test::zeros({1, 2, 6, groups}),
          .biases = test::zeros({1, 2, 6, groups})};
}

// 4-bit codes of head dim 64 in groups of 32.
State sound() {
  return {.keys = arrays(8, 2), .values = arrays(8, 2), .offset = 6, .group_size = 32, .bits = 4};
}

std::string check(State state) {
  return test::check<kvcache::QuantizedKVCache>(std::move(state));
}

template <typename Change>
std::string check_with(Change change) {
  State state = sound();
  change(state);
  return check(std::move(state));
}

TEST(Quantized, SoundStates) {
  EXPECT_EQ(check(sound()), "");
  EXPECT_EQ(check_with([](State& s) { s.values = arrays(16, 4); }), "") << "values wider than keys";
  EXPECT_EQ(check_with([](State& s) { s.values = arrays(0, 0); }), "") << "values without width";
  EXPECT_EQ(check({.keys = arrays(12, 2), .values = arrays(12, 2), .offset = 6, .group_size = 64, .bits = 3}), "");
}

TEST(Quantized, ParametersMlxDoesNotHave) {
  for (const std::int64_t bits : {7, 1, 0, -4}) EXPECT_EQ(check_with([=](State& s) { s.bits = bits; }), "KV421") << bits;
  for (const std::int64_t size : {16, 0, -32}) EXPECT_EQ(check_with([=](State& s) { s.group_size = size; }), "KV421") << size;
}

TEST(Quantized, WidthsThatContradictTheParameters) {
  EXPECT_EQ(check_with([](State& s) { s.bits = 8; }), "KV422");
  EXPECT_EQ(check_with([](State& s) { s.group_size = 64; }), "KV422");
  EXPECT_EQ(check_with([](State& s) { s.bits = 3; }), "KV422") << "no whole number of codes";
  EXPECT_EQ(check_with([](State& s) { s.keys = arrays(9, 2); }), "KV422") << "a head dim of 72 fits no group size";
  EXPECT_EQ(check_with([](State& s) { s.values = arrays(16, 2); }), "KV422") << "values alone";
}

TEST(Quantized, HeadDimThatTheGroupSizeDoesNotDivide) {
  EXPECT_EQ(check({.keys = arrays(12, 1), .values = arrays(12, 1), .offset = 6, .group_size = 64, .bits = 4}), "KV425");
}

TEST(Quantized, ScalesAndBiasesThatDiffer) {
  EXPECT_EQ(check_with([](State& s) { s.keys.biases = test::zeros({1, 2, 6, 1}); }), "KV423");
  EXPECT_EQ(check_with([](State& s) { s.keys.biases = test::zeros({1, 2, 6, 2}, Dtype::F32); }), "KV423");
  EXPECT_EQ(check_with([](State& s) { s.values.scales = s.values.biases = test::zeros({1, 2, 7, 2}); }), "KV423");
}

TEST(Quantized, Offset) {
  EXPECT_EQ(check_with([](State& s) { s.offset = 7; }), "KV424");
  EXPECT_EQ(check_with([](State& s) { s.offset = -1; }), "KV424");
  EXPECT_EQ(check_with([](State& s) { s.offset = 5; }), "KV426") << "readable: extra rows are ignored";
}

TEST(Quantized, IndependentProblemsAreAllReported) {
  EXPECT_EQ(check_with([](State& s) {
              s.bits = 7;
              s.offset = 9;
            }),
            "KV421 KV424");
}

TEST(Quantized, ModesWithoutBiasesHaveParametersOfTheirOwn) {
  EXPECT_EQ(check_with([](State& s) {
              s.keys.biases = s.values.biases = {};
              s.group_size = 16;
            }),
            "");
}

}  // namespace

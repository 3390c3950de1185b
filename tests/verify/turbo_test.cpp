// Fields of a TurboQuantKVCache against its arrays.
#include <gtest/gtest.h>

#include "support/places.h"

namespace {

using kvcache::Dtype;
using kvcache::Tensor;
using Turbo = kvcache::TurboQuantKVCache;

std::string check(Turbo::State state) {
  return test::check<Turbo>(std::move(state));
}

Tensor packed(std::int64_t words) {
  return test::zeros({1, 2, 6, words}, Dtype::U32);
}
Tensor norms() {
  return test::zeros({1, 2, 6}, Dtype::F32);
}

Turbo::State symmetric(std::int64_t key_words, std::int64_t value_words) {
  return {.form = Turbo::Form::symmetric,
          .arrays = {packed(key_words), norms(), packed(value_words), norms()},
          .offset = 6,
          .bits = 4,
          .key_bits = 4,
          .value_bits = 4,
          .seed = 42};
}

TEST(Turbo, WidthsFitOneHeadDim) {
  EXPECT_EQ(check(symmetric(8, 8)), "");
  EXPECT_EQ(check(symmetric(15, 15)), "") << "head dim 120";
  EXPECT_EQ(check(symmetric(24, 16)), "") << "head dims 192 and 128";
  EXPECT_EQ(check(symmetric(8, 7)), "KV481");
}

TEST(Turbo, RawKeysTellTheHeadDim) {
  Turbo::State state{.form = Turbo::Form::raw_keys,
                     .arrays = {test::zeros({1, 2, 6, 64}), packed(8), norms()},
                     .offset = 6,
                     .bits = 4,
                     .key_bits = 0,
                     .value_bits = 4,
                     .seed = 42};
  EXPECT_EQ(check(state), "");
  state.arrays[1] = packed(9);
  EXPECT_EQ(check(state), "KV481");
}

TEST(Turbo, OffsetAndBits) {
  for (const std::int64_t offset : {7, -1}) {
    Turbo::State state = symmetric(8, 8);
    state.offset = offset;
    EXPECT_EQ(check(state), "KV481") << offset;
  }
  for (const std::int64_t bits : {0, -4, 9}) {
    Turbo::State state = symmetric(8, 8);
    state.value_bits = bits;
    EXPECT_EQ(check(state), "KV481") << bits;
  }
}

}  // namespace

#include "kvcache/dtype.h"

#include <gtest/gtest.h>

namespace kvcache {
namespace {

TEST(Dtype, NamesAndSizesAreThoseOfTheContainer) {
  EXPECT_EQ(name(Dtype::BF16), "BF16");
  EXPECT_EQ(item_size(Dtype::BF16), 2U);
  EXPECT_EQ(item_size(Dtype::BOOL), 1U);
  EXPECT_EQ(item_size(Dtype::U32), 4U);
  EXPECT_EQ(item_size(Dtype::C64), 8U);
  EXPECT_EQ(item_size(Dtype::F8_E8M0), 1U);
}

TEST(Dtype, EveryNameParsesBack) {
  for (int i = 0; i <= static_cast<int>(Dtype::F8_E8M0); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    EXPECT_EQ(parse_dtype(name(dtype)), dtype) << name(dtype);
  }
}

TEST(Dtype, WhatMlxDoesNotReadIsUnknown) {
  EXPECT_EQ(parse_dtype("F64"), std::nullopt);
  EXPECT_EQ(parse_dtype("bf16"), std::nullopt);
  EXPECT_EQ(parse_dtype(""), std::nullopt);
}

TEST(Dtype, FloatsAreTheTypesOfKeysAndValues) {
  EXPECT_TRUE(is_float(Dtype::F16));
  EXPECT_TRUE(is_float(Dtype::BF16));
  EXPECT_TRUE(is_float(Dtype::F32));
  EXPECT_FALSE(is_float(Dtype::C64));
  EXPECT_FALSE(is_float(Dtype::F8_E4M3));
}

TEST(Shape, ElementCount) {
  EXPECT_EQ(element_count(Shape{1, 8, 4096, 128}), 4194304U);
  EXPECT_EQ(element_count(Shape{}), 1U) << "a scalar";
  EXPECT_EQ(element_count(Shape{1, 8, 0, 128}), 0U);
}

TEST(Shape, ElementCountBeyond63BitsIsNothing) {
  EXPECT_EQ(element_count(Shape{max_dim, max_dim, 2}), 9223372028264841218U);
  EXPECT_EQ(element_count(Shape{max_dim, max_dim, 3}), std::nullopt);
  EXPECT_EQ(element_count(Shape{max_dim, max_dim, max_dim, 0}), 0U) << "the zero counts, not the product before it";
  EXPECT_EQ(element_count(Shape{2, -1}), std::nullopt);
}

TEST(Shape, ToString) {
  EXPECT_EQ(to_string(Shape{1, 8, 4096, 128}), "[1, 8, 4096, 128]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

}  // namespace
}  // namespace kvcache

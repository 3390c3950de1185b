// Whether two lists of layers hold the same.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "kvcache/cache.h"

namespace kvcache::test {

inline std::vector<std::byte> bytes_of(const Tensor& tensor) {
  std::vector<std::byte> out(tensor.nbytes());
  tensor.read(0, out);
  return out;
}

/// Class, tokens and every array, bit for bit.
inline void expect_same(const std::vector<std::unique_ptr<Cache>>& a, const std::vector<std::unique_ptr<Cache>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i]->class_name(), b[i]->class_name());
    EXPECT_EQ(a[i]->size(), b[i]->size());
    const auto x = a[i]->parts();
    const auto y = b[i]->parts();
    ASSERT_EQ(x.size(), y.size());
    for (std::size_t j = 0; j < x.size(); ++j) {
      ASSERT_EQ(x[j].tensor.defined(), y[j].tensor.defined());
      if (!x[j].tensor.defined()) continue;
      EXPECT_EQ(x[j].tensor.shape(), y[j].tensor.shape());
      EXPECT_EQ(bytes_of(x[j].tensor), bytes_of(y[j].tensor));
    }
  }
}

}  // namespace kvcache::test

// How tensors lie in the data section: overlaps, holes, trailing bytes.
#include <gtest/gtest.h>

#include "safetensors/container.h"

namespace kvcache {
namespace {

struct Range {
  int begin;
  int end;
};

// Defects of a file with these tensors (named "0", "1", ...) and so many bytes of data.
Findings defects(const std::vector<Range>& ranges, std::size_t data_bytes) {
  std::string json = "{";
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto [begin, end] = ranges[i];
    json += (i > 0 ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[)" + std::to_string(end - begin) +
            R"(],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(end) + "]}";
  }
  return test::parse(test::container(json + "}", std::string(data_bytes, 'x'))).defects;
}

TEST(Tiling, AnyOrderWithoutHolesIsSound) {
  EXPECT_TRUE(defects({{4, 8}, {0, 4}, {8, 9}}, 9).empty());
  EXPECT_TRUE(defects({}, 0).empty());
}

TEST(Tiling, EmptyTensorsLieNowhere) {
  EXPECT_TRUE(defects({{0, 4}, {4, 4}, {4, 8}, {2, 2}, {0, 0}, {8, 8}}, 8).empty());
}

TEST(Tiling, KV118Overlap) {
  const Findings found = defects({{0, 4}, {3, 7}, {3, 7}}, 8);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "KV118");
  EXPECT_EQ(found[0].severity, Severity::error);
  EXPECT_EQ(found[0].key, "1");
  EXPECT_EQ(found[0].message, "tensors '0' (0..4) and '1' (3..7) share bytes; 1 more like it");
  EXPECT_EQ(defects({{0, 8}, {1, 2}, {3, 4}}, 8)[0].message, "tensors '0' (0..8) and '1' (1..2) share bytes; 1 more like it")
      << "an inner tensor does not hide the outer one";
}

TEST(Tiling, KV119Hole) {
  const Findings found = defects({{1, 4}, {6, 8}}, 8);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "KV119");
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_EQ(
      found[0].message,
      "bytes 0..1 before tensor '0' belong to no tensor; 1 more like it; 3 bytes unused in all: MLX reads the file, strict "
      "readers refuse it");
}

TEST(Tiling, KV120TrailingBytes) {
  const Findings found = defects({{0, 4}}, 9);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "KV120");
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_EQ(defects({}, 1)[0].code, "KV120");
}

}  // namespace
}  // namespace kvcache

#include "kvcache/where.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kvcache/error.h"

namespace kvcache {
namespace {

TEST(Where, SaysWhatItIs) {
  EXPECT_EQ(Where().text(), "");
  EXPECT_TRUE(Where().empty());
  EXPECT_EQ(Where(Where::Part::header).text(), "header");
  EXPECT_EQ(Where(Where::Part::leaf_table).text(), "table of leaves");
  EXPECT_EQ(Where::of_layer(3).text(), "layer 3");
  EXPECT_EQ(Where::of_layer(3).child(1).child(0).text(), "layer 3 child 1 child 0");
  EXPECT_EQ(Where::entry("entry_3\n").text(), "entry_3\\n");
  EXPECT_EQ(Where::of_layer(0).layer(), 0U);
  EXPECT_FALSE(Where(Where::Part::metadata).layer());
}

TEST(Where, IsOrderedAsAFileIs) {
  std::vector<Where> places = {Where::of_layer(10), Where::of_layer(2).child(1), Where::of_layer(2),
                               Where(Where::Part::metadata), Where()};
  std::ranges::stable_sort(places, [](const Where& a, const Where& b) { return a < b; });
  std::string order;
  for (const Where& place : places) order += place.text() + ";";
  EXPECT_EQ(order, "metadata;;layer 2;layer 2 child 1;layer 10;");
}

TEST(Error, KeepsEverythingUnderAContext) {
  const Error error =
      Error(Error(ErrorKind::impossible, "no", "do this", "KV413").at_key("3.0").at(Where::of_layer(3)).in_file("f"))
          .with_context("layer 3 (KVCache)");
  EXPECT_EQ(std::string(error.what()), "layer 3 (KVCache): no");
  EXPECT_EQ(error.kind(), ErrorKind::impossible);
  EXPECT_EQ(error.remedy().text(), "do this");
  EXPECT_EQ(error.code(), "KV413");
  EXPECT_EQ(error.key(), "3.0");
  EXPECT_EQ(error.where(), Where::of_layer(3));
  EXPECT_EQ(error.path(), "f");
}

}  // namespace
}  // namespace kvcache

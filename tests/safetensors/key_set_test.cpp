#include "safetensors/key_set.h"

#include <gtest/gtest.h>

namespace kvcache::detail {
namespace {

TEST(KeySet, SeesKeysTwiceInOneObjectInAnyOrder) {
  KeySet keys;
  keys.open_object();
  for (const char* key : {"b", "", "a", "bb", "a"}) keys.add(key);
  EXPECT_EQ(keys.close_object(), "a");
}

TEST(KeySet, ObjectsAreApart) {
  KeySet keys;
  keys.open_object();
  keys.add("a");
  keys.open_object();
  keys.add("b");
  keys.add("a");
  EXPECT_EQ(keys.close_object(), std::nullopt);
  keys.open_object();
  EXPECT_EQ(keys.close_object(), std::nullopt) << "an empty object";
  keys.add("b");
  EXPECT_EQ(keys.close_object(), std::nullopt) << "b was in another object";
}

TEST(KeySet, OrderIsThatOfBytes) {
  KeySet keys;
  keys.open_object();
  for (const char* key : {"10", "2", "\xC3\xA4", "a"}) keys.add(key);  // not ascending, no duplicates
  EXPECT_EQ(keys.close_object(), std::nullopt);
}

}  // namespace
}  // namespace kvcache::detail

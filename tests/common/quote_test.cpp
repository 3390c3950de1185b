#include "common/quote.h"

#include <gtest/gtest.h>

namespace kvcache::detail {
namespace {

TEST(Utf8, FindsTheFirstByteThatDoesNotBelong) {
  const auto valid = [](std::string_view text) { return utf8_prefix(text) == text.size(); };
  EXPECT_TRUE(valid(""));
  EXPECT_TRUE(valid("plain ASCII, longer than eight bytes"));
  EXPECT_TRUE(valid("\xC3\xA4 \xE4\xB8\xAD \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF"));
  EXPECT_FALSE(valid("\xC0\xAF")) << "overlong, two bytes";
  EXPECT_FALSE(valid("\xE0\x80\xAF")) << "overlong, three bytes";
  EXPECT_FALSE(valid("\xF0\x80\x80\xAF")) << "overlong, four bytes";
  EXPECT_FALSE(valid("\xED\xA0\x80")) << "surrogate";
  EXPECT_FALSE(valid("\xF4\x90\x80\x80")) << "beyond U+10FFFF";
  EXPECT_FALSE(valid("\x80")) << "continuation without a start";
  EXPECT_FALSE(valid("\xE4\xB8")) << "cut off";
  EXPECT_EQ(utf8_prefix("12345678abc\xFFxyz"), 11U);
}

TEST(InQuotes, IsPrintableWhateverTheText) {
  EXPECT_EQ(in_quotes("0.1"), "'0.1'");
  EXPECT_EQ(in_quotes(std::string_view("a\0b\x1b[31m\x7f\n", 10)), "'a\\x00b\\x1b[31m\\x7f\\n'");
  EXPECT_EQ(in_quotes("\xC2\x9B"
                      "31m"),
            "'\\u009b31m'")
      << "C1 controls steer some terminals";
  EXPECT_EQ(in_quotes("\xFF\xC3\xA4"), "'\\xff\xC3\xA4'");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "'" + std::string(80, 'x') + "...'");
}

}  // namespace
}  // namespace kvcache::detail

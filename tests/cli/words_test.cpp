// Text for people, at every width: lines, columns, and the line of a progress bar.
#include "cli/terminal/words.h"

#include <gmock/gmock.h>

#include "cli/files/output.h"
#include "cli/terminal/hint_line.h"
#include "cli/terminal/progress_bar.h"

namespace kvcache::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Columns, CountsWhatATerminalDraws) {
  EXPECT_EQ(columns(""), 0U);
  EXPECT_EQ(columns("chat"), 4U);
  EXPECT_EQ(columns("ü×–"), 3U);
  EXPECT_EQ(columns("通义千问-7B"), 11U);
  EXPECT_EQ(columns("한국어"), 6U);
  EXPECT_EQ(columns("e\u0301"), 1U) << "an accent of its own";
  EXPECT_EQ(columns("🦙"), 2U);
  EXPECT_EQ(columns("👍🏽"), 2U) << "with a skin tone";
  EXPECT_EQ(columns("👩‍💻"), 2U) << "joined";
  EXPECT_EQ(columns("🇩🇪"), 2U) << "a flag of two letters";
  EXPECT_EQ(columns("\x1b[1;31mred\x1b[0m"), 3U) << "colours take no place";
  EXPECT_EQ(columns("a\xFFz"), 3U) << "what is no UTF-8 is shown as one character";
}

TEST(Wrap, BreaksAtBlanksOnly) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("one incomprehensible two", 7), ElementsAre("one", "incomprehensible", "two"));
  EXPECT_THAT(wrap("通义 千问", 5), ElementsAre("通义", "千问"));
  EXPECT_THAT(wrap("", 7), ElementsAre(""));
  EXPECT_THAT(wrap("a\nb", 7), ElementsAre("a", "b"));
}

TEST(Wrap, KeepsACommandWholeOrContinuesIt) {
  EXPECT_THAT(wrap("run `kvcache ls` now", 12), ElementsAre("run", "`kvcache ls`", "now"));
  EXPECT_THAT(wrap("run `kvcache trim 'my chat' -n 7 -o x`", 22), ElementsAre("run `kvcache trim \\", "'my chat' -n 7 -o x`"));
}

TEST(Hanging, IndentsWhatFollows) {
  EXPECT_EQ(hanging("one two three", 9, 2), "one two\n  three");
  EXPECT_EQ(hanging("  one two three", 9, 4), "  one two\n    three");
  EXPECT_EQ(hanging("one two three", unlimited), "one two three");
}

TEST(HintLine, StaysACommandToPaste) {
  EXPECT_EQ(hint_line("hint: ", "kvcache convert a --to b -o c", unlimited), "hint: kvcache convert a --to b -o c");
  EXPECT_EQ(hint_line("hint: ", "kvcache convert a --to b -o c", 24), "hint: kvcache convert \\\n    a --to b -o c");
  EXPECT_EQ(hint_line("hint: ", "name a new file", 12), "hint: name a\n    new file");
}

TEST(ProgressLine, SaysMoreWhereThereIsRoom) {
  const auto line = [](std::size_t width) { return progress_line("writing", 1'200'000'000, 2'800'000'000, 3, width); };
  EXPECT_EQ(line(78), "writing [###########               ]  43%  1.20 of 2.80 GB  400 MB/s  4 s left");
  EXPECT_EQ(line(50), "writing  43%  1.20 of 2.80 GB  400 MB/s  4 s left");
  EXPECT_EQ(line(45), "writing  43%  1.20 of 2.80 GB  4 s left");
  EXPECT_EQ(line(30), "writing  43%  4 s left");
  EXPECT_EQ(line(12), "writing  43%");
  EXPECT_EQ(line(5), " 43%");
  EXPECT_EQ(line(2), "");
  for (std::size_t width = 0; width < 120; ++width) EXPECT_LE(columns(line(width)), width);
}

TEST(ProgressLine, KnowsNothingOfTheTimeAtFirst) {
  EXPECT_THAT(progress_line("reading", 0, 500, 0, 100), EndsWith("0%  0 of 500 B"));
  EXPECT_THAT(progress_line("reading", 999'999, 5'000'000'000'000, 1, 100), HasSubstr("h"));
  EXPECT_THAT(progress_line("reading", 1, 4, 60, 100), StartsWith("reading ["));
  EXPECT_THAT(progress_line("reading", 1, 4, 60, 100), EndsWith("3 min 0 s left"));
}

TEST(SizeWritten, SaysTheTimeOfWhatTookLong) {
  Written written;
  written.bytes = 442'000'000;
  written.seconds = 0.9;
  EXPECT_EQ(size_written(written), "442 MB");
  written.seconds = 4.4;
  EXPECT_EQ(size_written(written), "442 MB in 4 s");
  written.seconds = 200;
  EXPECT_EQ(size_written(written), "442 MB in 3 min 20 s");
}

}  // namespace
}  // namespace kvcache::cli

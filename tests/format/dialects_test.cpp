// The list of formats, and text from files made safe.
#include <gtest/gtest.h>

#include <set>

#include "kvcache/error.h"
#include "kvcache/format.h"
#include "support/errors.h"

namespace kvcache {
namespace {

TEST(Dialects, EveryEraHasOneEntryWithIdAndLetter) {
  std::set<std::string_view> ids, seen_letters;
  std::set<Era> eras;
  for (const Dialect& d : dialects()) {
    ids.insert(d.id);
    seen_letters.insert(d.letter);
    eras.insert(d.era);
    EXPECT_EQ(find_dialect(d.id).era, d.era);
    EXPECT_EQ(dialect(d.era).id, d.id);
  }
  EXPECT_EQ(ids.size(), era_count);
  EXPECT_EQ(seen_letters.size(), era_count);
  EXPECT_EQ(eras.size(), era_count);
}

TEST(Dialects, TheNumbersOfErasNeverChange) {
  constexpr Era in_order[] = {Era::L0, Era::P1, Era::P2, Era::P3, Era::P4, Era::P5,
                              Era::R1, Era::S1, Era::S2, Era::S3, Era::S4, Era::S5};
  EXPECT_EQ(std::size(in_order), era_count);
  for (std::size_t i = 0; i < std::size(in_order); ++i) EXPECT_EQ(static_cast<std::size_t>(in_order[i]), i);
}

TEST(Dialects, AFamilyAloneIsWhatPeopleHave) {
  EXPECT_EQ(find_dialect("mlx-lm").id, "mlx-lm@0.32");
  EXPECT_EQ(find_dialect("mlx-swift-lm").id, "mlx-swift-lm@3.31");
  EXPECT_EQ(find_dialect("mlxrs").id, "mlxrs@0.1");
}

TEST(Dialects, AnAliasIsTheSameEra) {
  EXPECT_EQ(find_dialect("mlx-lm@2026-09").id, "mlx-lm@0.32");
}

TEST(Dialects, SuggestsTheNearestFamilyAndNeverAVersion) {
  const auto hint = [](std::string_view id) { return test::error_of([&] { (void)find_dialect(id); })->remedy().text(); };
  EXPECT_EQ(hint("mlx-lm@0.3").find("did you mean"), std::string::npos) << hint("mlx-lm@0.3");
  EXPECT_EQ(hint("mlx-swift@3.31"), "did you mean mlx-swift-lm@3.31?");
  EXPECT_NE(hint("gguf").find("formats() lists them"), std::string::npos) << hint("gguf");
  EXPECT_NE(hint(std::string(100000, 'm')).find("formats()"), std::string::npos);
}

TEST(Dialects, AnUnknownIdIsAUsageErrorAndIsPrintedSafely) {
  const auto error = test::error_of([] { (void)find_dialect("mlx\x1b[31m"); });
  EXPECT_EQ(error->kind(), ErrorKind::usage);
  EXPECT_EQ(std::string(error->what()), "unknown format 'mlx\\x1b[31m'");
}

TEST(Dialects, PrefersTheNewestReleaseOfMlxLmThenMlxrsThenSwift) {
  EXPECT_EQ(preferred({Era::P1, Era::P3, Era::P4, Era::R1, Era::S4})->letter, "P3");
  EXPECT_EQ(preferred({Era::R1, Era::S4})->letter, "R1");
  EXPECT_EQ(preferred({Era::P4, Era::R1})->letter, "R1") << "P4 was never in a release";
  EXPECT_EQ(preferred({Era::S2, Era::S4, Era::S3})->letter, "S3");
  EXPECT_EQ(preferred({Era::S3, Era::S4, Era::S5})->letter, "S5");
  EXPECT_EQ(preferred({Era::S4})->letter, "S4");
  EXPECT_EQ(preferred({Era::P4, Era::S4})->letter, "P4");
  EXPECT_EQ(preferred({}), nullptr);
}

TEST(Dialects, TwoErasWereNeverInARelease) {
  for (const Dialect& d : dialects()) EXPECT_EQ(d.released, d.era != Era::P4 && d.era != Era::S4) << d.id;
}

TEST(Printable, EscapesWhatSteersTerminals) {
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable(std::string_view("\0\x1b\x7f", 3)), "\\x00\\x1b\\x7f");
  EXPECT_EQ(printable("\xC2\x9B"), "\\u009b");
  EXPECT_EQ(printable("\xE2\x80\xAE"), "\\u202e");
}

TEST(Printable, LeavesTextAlone) {
  EXPECT_EQ(printable("naïve — 模型 🙂"), "naïve — 模型 🙂");
}

TEST(Printable, EscapesWhatIsNotUtf8) {
  EXPECT_EQ(printable("\xFFx"), "\\xffx");
  EXPECT_EQ(printable("\xC0\x80"), "\\xc0\\x80");                    // overlong
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable("\xE2\x82"), "\\xe2\\x82");                    // cut off
}

TEST(Printable, CutsByCharactersNotBytes) {
  EXPECT_EQ(printable("äöü", 3), "äöü");
  EXPECT_EQ(printable("äöüß", 3), "äöü...");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 83U);
}

}  // namespace
}  // namespace kvcache

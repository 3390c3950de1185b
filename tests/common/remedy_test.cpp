// What to do about something, as data.
#include "kvcache/remedy.h"

#include <gtest/gtest.h>

namespace kvcache {
namespace {

TEST(Remedy, NothingToBeDone) {
  EXPECT_TRUE(Remedy().empty());
  EXPECT_TRUE(Remedy("").empty());
  EXPECT_EQ(Remedy().operation(), nullptr);
  EXPECT_EQ(Remedy().text(), "");
}

TEST(Remedy, WordsAndOperationsStayInOrder) {
  const Remedy remedy =
      Remedy("7 tokens can stay: ") + Remedy(Remedy::Action::trim, {{"to", "7"}}) + ", or process the prompt again";
  ASSERT_EQ(remedy.parts().size(), 3U);
  ASSERT_NE(remedy.operation(), nullptr);
  EXPECT_EQ(remedy.operation()->action, Remedy::Action::trim);
  EXPECT_EQ(remedy.operation()->arguments, (std::vector<Remedy::Argument>{{"to", "7"}}));
  EXPECT_EQ(remedy.text(), "7 tokens can stay: trim(to=7), or process the prompt again");
}

TEST(Remedy, EveryOperationHasAName) {
  for (int value = 0; value <= static_cast<int>(Remedy::Action::merge); ++value) {
    const std::string_view name = action_name(static_cast<Remedy::Action>(value));
    EXPECT_EQ(name == "words", value == 0) << value;
  }
}

}  // namespace
}  // namespace kvcache

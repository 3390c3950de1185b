// The expressions that the table of model types is written in.
#include "model/expression.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

#include "kvcache/error.h"

namespace kvcache {
namespace {

using detail::evaluate;
using detail::parse_expression;
using detail::Value;

class Given : public detail::Names {
 public:
  [[nodiscard]] bool has(const std::string& name) const override { return values.contains(name); }
  [[nodiscard]] Value of(const std::string& name) override { return values.at(name); }
  std::map<std::string, Value> values;
};

Value result(const std::string& text) {
  Given names;
  names.values["i"] = {std::int64_t{5}};
  names.values["word"] = {std::string("LLG")};
  names.values["list"] = detail::list_value({{std::int64_t{1}}, {std::string("x")}});
  names.values["absent"] = {};
  return evaluate(parse_expression(text), names);
}

std::string json(const std::string& text) {
  return detail::in_json(result(text));
}

std::string expression_refusal(const std::string& text) {
  try {
    (void)result(text);
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

TEST(Expression, NumbersAreWholeAndRoundedDown) {
  EXPECT_EQ(json("1 + 2 * 3"), "7");
  EXPECT_EQ(json("(1 + 2) * 3"), "9");
  EXPECT_EQ(json("7 / 2 * 2"), "6");
  EXPECT_EQ(json("(1 - 4) / 2"), "-2");
  EXPECT_EQ(json("(1 - 4) % 2"), "1");
  EXPECT_EQ(json("ceil(7, 2)"), "4");
  EXPECT_EQ(expression_refusal("1 / (i - 5)"), "a division by 0");
  EXPECT_EQ(expression_refusal("999999999 * 999999999 * 999999999"), "a number that is too large");
}

TEST(Expression, ConditionsAsInPython) {
  EXPECT_EQ(json("i == 5 and not i == 4"), "true");
  EXPECT_EQ(json("i < 5 or i >= 6"), "false");
  EXPECT_EQ(json("\"G\" in word and 1 in list"), "true");
  EXPECT_EQ(json("absent == none"), "true");
  EXPECT_EQ(json("list == [1, \"x\"]"), "true");
  EXPECT_EQ(json("\"1\" == 1"), "false");
  EXPECT_EQ(json("if(absent, i / absent, 7)"), "7") << "only one of the two is looked at";
}

TEST(Expression, ListsAndLetters) {
  EXPECT_EQ(json("word[2]"), "\"G\"");
  EXPECT_EQ(json("len(list) + len(word)"), "5");
  EXPECT_EQ(json("at(list, 9)"), "null");
  EXPECT_EQ(json("subset(first(list, 1), list)"), "true");
  EXPECT_EQ(expression_refusal("list[2]"), "list has only 2 entries");
  EXPECT_EQ(expression_refusal("list[1] + 1"), "list is \"x\", not a number");
  EXPECT_EQ(expression_refusal("len(absent)"), "there is no absent");
}

TEST(Expression, Caches) {
  const auto made = [](const std::string& text) { return *std::get<detail::Made>(result(text).is); };
  EXPECT_EQ(made("plain(2, 8)").value_dim, 8);
  EXPECT_EQ(made("plain(2, 8, 0)").value_dim, 0);
  EXPECT_EQ(made("window(16, 2, 8)").max_size, 16);
  EXPECT_EQ(made("chunk(16, 2, 8, 4)").value_dim, 4);
  const LayerSpec list = made("list(state([1, 2], f32[i]), plain(1, 2))");
  ASSERT_EQ(list.children.size(), 2U);
  EXPECT_EQ(list.children[0].slot_shapes, (std::vector<std::vector<std::int64_t>>{{1, 2}, {5}}));
  EXPECT_EQ(list.children[0].slot_dtypes[1], Dtype::F32);
  EXPECT_EQ(expression_refusal("plain(0, 8)"), "a number is 0: no size of a cache");
  EXPECT_EQ(expression_refusal("window(absent, 2, 8)"), "there is no absent");
}

TEST(Expression, FaultsOfTheTable) {
  for (const char* text : {"", "1 +", "(1", "1 2", "\"open", "f(", "12345678901", "1 ? 2"})
    EXPECT_THROW((void)parse_expression(text), std::invalid_argument) << text;
  EXPECT_THROW((void)result("unheard_of"), std::invalid_argument);
  EXPECT_THROW((void)result("unheard_of(1)"), std::invalid_argument);
}

}  // namespace
}  // namespace kvcache

// The table of model types: that it can be read, that it is whole, and that each row has cases.
#include "model/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "kvcache/model_types.h"

namespace kvcache {
namespace {

using detail::parse_model_table;

std::string fault(const std::string& text) {
  try {
    (void)parse_model_table(text);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return {};
}

TEST(ModelTable, NamesTheLineThatIsWrong) {
  EXPECT_EQ(fault("form a\n  size x ?"), "line 2: '?' is none of =, else, or, null, zero");
  EXPECT_EQ(fault("\n  size x"), "line 2: belongs to no row");
  EXPECT_EQ(fault("type a like b"), "line 1: there is no 'b' to be like");
  EXPECT_EQ(fault("type a\n  from a\nform b"), "line 3: type 'a' lacks from, layers or a cache");
  EXPECT_EQ(fault("form a\n  when i == 0 plain(1, 1)"), "line 2: ' : ' is missing");
  EXPECT_EQ(fault("form a\n  otherwise plain(1, "), "line 2: plain(1,: it ends too early");
  EXPECT_EQ(fault("form a\n  frobnicate"), "line 2: 'frobnicate' is no word of the table");
}

TEST(ModelTable, ARowTakesWhatItDoesNotSayFromTheOneItIsLike) {
  const auto table = parse_model_table(
      "form f\n  size a\n  size b = 2\n  layers a\n  otherwise plain(a, b)\n  trap of f\n"
      "type t like f\n  from t\n  size a = 5\n  drop b\n  when i == 0 : nothing\n  otherwise plain(a, 1)\n");
  ASSERT_EQ(table.rows.size(), 1U);
  const auto& row = table.rows[0];
  ASSERT_EQ(row.fields.size(), 1U);
  EXPECT_TRUE(row.fields[0].absent.has_value());
  EXPECT_EQ(row.rules.size(), 2U) << "its own in place of the form's";
  EXPECT_TRUE(row.traps.empty());
}

TEST(ModelTable, HasEveryTypeOfMlxLm) {
  std::size_t names = 0;
  for (const ModelType& type : model_types()) {
    names += 1 + type.also.size();
    EXPECT_FALSE(type.picture.empty()) << type.name;
  }
  EXPECT_EQ(names, 120U);
}

TEST(ModelTable, EveryNameHasACase) {
  std::set<std::string> with_case;
  for (const auto& entry : std::filesystem::directory_iterator(KVCACHE_TESTDATA "/golden/configs")) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    const auto text = nlohmann::json::parse(in);
    if (text.value("expect", "") == "unknown") continue;
    const std::string type = text["config"]["model_type"];
    EXPECT_NE(detail::model_table().find(type), nullptr) << entry.path();
    with_case.insert(type);
  }
  for (const ModelType& type : model_types()) {
    EXPECT_TRUE(with_case.contains(type.name)) << type.name;
    for (const std::string& name : type.also) EXPECT_TRUE(with_case.contains(name)) << name;
  }
}

TEST(ModelTable, PicturesAreInWords) {
  const auto picture = [](const std::string& name) {
    for (const ModelType& type : model_types())
      if (type.name == name) return type.picture;
    return std::string();
  };
  EXPECT_EQ(picture("gemma3_text"), "22 x window 512, 4 x plain, every sixth");
  EXPECT_EQ(picture("llama"), "32 x plain");
  EXPECT_EQ(picture("falcon_h1"), "36 x state + plain");
  EXPECT_EQ(picture("llama4"), "24 x chunk 8192, 8 x plain, every fourth");
}

TEST(ModelTable, NamesThatAreAbsentAreNoRows) {
  EXPECT_FALSE(absent_model_types().empty());
  for (const auto& [name, why] : absent_model_types()) EXPECT_EQ(detail::model_table().find(name), nullptr) << name;
}

}  // namespace
}  // namespace kvcache

// The scanner for usual headers says what the parser of all headers says, or nothing.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "kvcache/error.h"
#include "safetensors/header_json.h"
#include "safetensors/usual_header.h"

namespace kvcache::detail {
namespace {

constexpr std::uint64_t data_bytes = 64;

const std::vector<std::string>& usual() {
  static const std::vector<std::string> texts = {
      R"({})",
      R"({"0.0":{"dtype":"F16","shape":[1,2,4,4],"data_offsets":[0,64]}})",
      R"({"0.0": {"data_offsets": [0, 8], "dtype": "U32", "shape": [2]}, "0.1": {"dtype": "BF16", "shape": [], "data_offsets": [8, 10]}})",
      R"({"10.0":{"dtype":"U8","shape":[0,9],"data_offsets":[3,3]},"1.0":{"dtype":"I32","shape":[2,1],"data_offsets":[4,12]}})",
      R"({"__metadata__":{"2.0":"KVCache","1.tokenizer_config":"{\"trust_remote_code\": null}","1.\u00fc":"\n"},"0.0":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      "{\"__metadata__\":{\"1.model\":\"\xC3\xA4/"
      "b\"},\n\"a\":{\"shape\":[18446744073709551615,0],\"dtype\":\"U8\",\"data_offsets\":[0,0]}}",
      R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})",
  };
  return texts;
}

std::string described(const HeaderJson& header) {
  std::string out;
  for (const TensorEntry& e : header.tensors)
    out += e.key + ' ' + std::string(name(e.dtype)) + to_string(e.shape) + std::to_string(e.begin) + ".." +
           std::to_string(e.end) + '\n';
  for (const auto& [key, value] : header.metadata) out += key + '=' + value + '\n';
  return out;
}

/// What both say, or "" where the scanner says nothing.
std::string agreed(const std::string& text) {
  const auto quick = parse_usual_header(text, data_bytes);
  if (!quick) return {};
  std::string slow;
  try {
    slow = described(parse_any_header(text, data_bytes));
  } catch (const Error& error) {
    slow = error.what();
  }
  EXPECT_EQ(described(*quick), slow) << text;
  return "read";
}

TEST(UsualHeader, TakesWhatWritersWrite) {
  for (const std::size_t i : {0U, 1U, 2U, 3U}) EXPECT_EQ(agreed(usual()[i]), "read") << usual()[i];
  EXPECT_EQ(agreed(R"({"__metadata__":{"1.a":"{\"b\": null}"},"0.0":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
            "read");
}

TEST(UsualHeader, LeavesTheRestToTheOther) {
  const char* const left[] = {
      "",
      "[]",
      "{",
      R"({"a":1})",
      R"({"a":{}})",
      R"({"__metadata__":null})",
      R"({"__metadata__":{"a":1}})",
      R"({"__metadata__":{"a":"b","a":"c"}})",
      R"({"__metadata__":{},"__metadata__":{}})",
      R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,9]}})",
      R"({"a":{"dtype":"U8","shape":[65],"data_offsets":[0,65]}})",
      R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})",
      R"({"a":{"dtype":"U8","shape":[08],"data_offsets":[0,8]}})",
      R"({"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}})",
      R"({"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}})",
      R"({"a":{"dtype":"U8","shape":[2147483648,0],"data_offsets":[0,0]}})",
      R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})",
      R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"more":1}})",
      R"({"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
      R"({"\u0061":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
      R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},})",
      R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}x)",
      R"({"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})"};
  for (const char* const text : left) EXPECT_EQ(agreed(text), "") << text;
}

RC_GTEST_PROP(UsualHeader, NeverSaysAnythingElse, ()) {
  std::string text = *rc::gen::elementOf(usual());
  const std::string pieces = "{}[]:,\"\\ 0189.-eunt\n\x1F_a";
  for (std::size_t n = *rc::gen::inRange<std::size_t>(1, 4); n > 0; --n) {
    const std::size_t at = *rc::gen::inRange<std::size_t>(0, text.size());
    const char c = *rc::gen::elementOf(pieces);
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        text[at] = c;
        break;
      case 1:
        text.insert(at, 1, c);
        break;
      default:
        text.erase(at, 1);
        break;
    }
    if (text.empty()) break;
  }
  (void)agreed(text);
  RC_ASSERT(!::testing::Test::HasFailure());
}

}  // namespace
}  // namespace kvcache::detail

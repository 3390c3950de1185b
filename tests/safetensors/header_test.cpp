// Reading headers: what is accepted, and one code for each defect.
#include <gtest/gtest.h>

#include "kvcache/safetensors.h"
#include "safetensors/container.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::container;
using test::error_of;
using test::little_endian;
using test::parse;

std::string code(std::string_view file) {
  const auto error = error_of([&] { (void)parse(file); });
  if (!error) return "none";
  EXPECT_EQ(error->kind(), ErrorKind::unreadable);
  return error->code();
}

// Code for a file of 8 data bytes with one tensor "0.0" of which this is the entry.
std::string entry_code(const std::string& entry) {
  return code(container(R"({"0.0":)" + entry + "}", "12345678"));
}
std::string shape_code(const std::string& shape) {
  return entry_code(R"({"dtype":"U8","shape":)" + shape + R"(,"data_offsets":[0,8]})");
}
std::string offsets_code(const std::string& offsets) {
  return entry_code(R"({"dtype":"U8","shape":[8],"data_offsets":)" + offsets + "}");
}

TEST(Header, IsReadIntoEntriesSortedByKey) {
  const Header header = parse(container(R"({"10.0":{"data_offsets":[8,12],"dtype":"F16","shape":[1,2]},)"
                                        R"("1.0":{"dtype":"U32","shape":[2],"data_offsets":[0,8]},)"
                                        R"("__metadata__":{"2.0":"KVCache","1.model":"\u00e4\n"}}   )",
                                        "123456789012"));
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.tensors[0].key, "1.0");
  EXPECT_EQ(header.tensors[1].key, "10.0");
  const TensorEntry* entry = header.find("10.0");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->dtype, Dtype::F16);
  EXPECT_EQ(entry->shape, (Shape{1, 2}));
  EXPECT_EQ(entry->begin, 8U);
  EXPECT_EQ(entry->nbytes(), 4U);
  EXPECT_EQ(header.find("1"), nullptr);
  EXPECT_EQ(header.find("2.0"), nullptr);
  EXPECT_EQ(header.metadata, (Metadata{{"1.model", "\xC3\xA4\n"}, {"2.0", "KVCache"}}));
  EXPECT_EQ(header.file_bytes, header.data_begin + 12);
  EXPECT_TRUE(header.defects.empty());
}

TEST(Header, MetadataMayBeAbsentNullOrEmpty) {
  for (const char* json : {"{}", R"({"__metadata__":null})", R"({"__metadata__":{}})"}) {
    EXPECT_TRUE(parse(container(json)).metadata.empty()) << json;
  }
}

TEST(Header, KV101TooShort) {
  EXPECT_EQ(code(""), "KV101");
  EXPECT_EQ(code("1234567"), "KV101");
}

TEST(Header, KV102EmptyHeader) {
  EXPECT_EQ(code(little_endian(0) + "{}"), "KV102");
}

TEST(Header, KV103HeaderTooLarge) {
  EXPECT_EQ(code(little_endian(100'000'000)), "KV103");
  EXPECT_EQ(code(little_endian(~std::uint64_t{0}) + "{}"), "KV103") << "8 + N must not wrap around";
  EXPECT_EQ(code(R"({"0.0":{"dtype":"U8"}})"), "KV103") << "JSON without a length field";
}

TEST(Header, KV104HeaderCutOff) {
  EXPECT_EQ(code(little_endian(99'999'999) + "{}"), "KV104") << "nothing may be allocated by the length field alone";
  EXPECT_EQ(code(little_endian(3) + "{}"), "KV104");
}

TEST(Header, KV121PaddedWithOtherBlanks) {
  for (const std::string padding : {"\n", " \n", "\t\t", "\r\n  "}) {
    const Header header = parse(container("{}" + padding));
    ASSERT_EQ(header.defects.size(), 1U);
    EXPECT_EQ(header.defects.front().code, "KV121");
  }
  EXPECT_TRUE(parse(container("{}   ")).defects.empty());
}

TEST(Header, KV105NotJson) {
  for (const std::string json : {" ", "{", "{}x", "{}{}", "[1,2", "nul", "{'a':1}", R"({"a":1,})", R"({"a":01})", R"({"a":+1})",
                                 R"({"a":.5})", R"({"a":NaN})", R"({"a":"\x"})", R"({"a":"\ud800"})", R"({"a":"\udc00"})",
                                 "{\"a\":\"\n\"}", "{/**/}", "\xEF\xBB\xBF{}"}) {
    EXPECT_EQ(code(container(json)), "KV105") << json;
  }
  EXPECT_EQ(code(container(std::string_view("{}\0", 3))), "KV105");
  EXPECT_EQ(code(container(std::string_view("{\"a\":\"\0\"}", 9))), "KV105");
}

TEST(Header, KV106NotAnObject) {
  for (const char* json : {"[]", "null", "1", R"("{}")", "true", R"([{"a":1}])"})
    EXPECT_EQ(code(container(json)), "KV106") << json;
}

TEST(Header, KV107NotUtf8) {
  EXPECT_EQ(code(container("{\"a\":\"\xFF\"}")), "KV107");
  EXPECT_EQ(code(container("{\"\xC0\x80\":1}")), "KV107");
  EXPECT_EQ(code(container("\xFE{}")), "KV107") << "outside of strings as well";
}

TEST(Header, KV108TooDeep) {
  const auto nested = [](int levels) {
    return R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":)" + std::string(levels, '[') + std::string(levels, ']') +
           "}}";
  };
  EXPECT_NO_THROW((void)parse(container(nested(62)))) << "the object itself and the entry are two of 64 levels";
  EXPECT_EQ(code(container(nested(63))), "KV108");
  EXPECT_EQ(code(container(std::string(1'000'000, '['))), "KV106");
}

TEST(Header, KV109KeyTwice) {
  const std::string entry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_EQ(code(container(R"({"0.0":)" + entry + R"(,"0.1":)" + entry + R"(,"0.0":)" + entry + "}")), "KV109");
  EXPECT_EQ(code(container(R"({"0.0":)" + entry + R"(,"\u0030.0":)" + entry + "}")), "KV109") << "equal after unescaping";
  EXPECT_EQ(code(container(R"({"__metadata__":{"2.0":"KVCache","2.0":"KVCache"}})")), "KV109");
  EXPECT_EQ(code(container(R"({"__metadata__":null,"__metadata__":{}})")), "KV109");
  EXPECT_EQ(entry_code(R"({"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]})"), "KV109");
  EXPECT_EQ(entry_code(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8],"x":[{"y":1,"y":2}]})"), "KV109");
  EXPECT_NO_THROW((void)parse(container(R"({"a":)" + entry + R"(,"b":)" + entry + "}"))) << "other objects may have it again";
}

TEST(Header, KV110BadMetadata) {
  for (const char* value :
       {"[]", "1", "\"x\"", "true", R"({"a":1})", R"({"a":null})", R"({"a":[]})", R"({"a":{}})", R"({"a":[{"b":"c"}]})"}) {
    EXPECT_EQ(code(container(std::string(R"({"__metadata__":)") + value + "}")), "KV110") << value;
  }
}

TEST(Header, KV111BadEntry) {
  for (const char* entry : {"null", "1", "[]", R"("x")", R"([{"dtype":"U8"}])", "{}"})
    EXPECT_EQ(entry_code(entry), "KV111") << entry;
  EXPECT_EQ(entry_code(R"({"shape":[8],"data_offsets":[0,8]})"), "KV111");
  EXPECT_EQ(entry_code(R"({"dtype":"U8","data_offsets":[0,8]})"), "KV111");
  EXPECT_EQ(entry_code(R"({"dtype":"U8","shape":[8]})"), "KV111");
  for (const char* dtype : {"1", "null", "[]", "{}"}) {
    EXPECT_EQ(entry_code(std::string(R"({"dtype":)") + dtype + R"(,"shape":[8],"data_offsets":[0,8]})"), "KV111") << dtype;
  }
  for (const char* shape :
       {"8", "null", "\"8\"", "{}", "[8.0]", "[8e0]", "[-0]", "[\"8\"]", "[null]", "[[8]]", "[{}]", "[1e999]"}) {
    EXPECT_EQ(shape_code(shape), "KV111") << shape;
  }
  for (const char* offsets : {"8", "null", "\"8\"", "{}", "[]", "[0]", "[0,8,8]", "[-1,8]", "[0,8.0]", "[0,1e1]", "[-0,8]",
                              "[0,\"8\"]", "[0,[8]]", "[0,18446744073709551616]", "[0,99999999999999999999999]"}) {
    EXPECT_EQ(offsets_code(offsets), "KV111") << offsets;
  }
}

TEST(Header, UnknownFieldsOfAnEntryAreIgnored) {
  EXPECT_NO_THROW((void)parse(container(R"({"a":{"dtype":"U8","x":[1.5,{"shape":-1}],"shape":[8],"y":"z","data_offsets":[0,8],)"
                                        R"("w":null}})",
                                        "12345678")));
}

TEST(Header, KV112UnknownDtype) {
  for (const char* dtype : {"F64", "f16", "FP16", "", "I4"}) {
    EXPECT_EQ(entry_code(std::string(R"({"dtype":")") + dtype + R"(","shape":[8],"data_offsets":[0,8]})"), "KV112") << dtype;
  }
}

TEST(Header, KV113ShapeOutOfRange) {
  for (const std::string& shape : {std::string("[-1]"), std::string("[2147483648]"), std::string("[18446744073709551616]"),
                                   std::string("[-99999999999999999999]"), "[" + std::string(400, '9') + "]"}) {
    EXPECT_EQ(shape_code(shape), "KV113") << shape;
  }
  const auto ones = [](int rank) {
    std::string out = "[8";
    for (int i = 1; i < rank; ++i) out += ",1";
    return out + "]";
  };
  EXPECT_NO_THROW(
      (void)parse(container(R"({"a":{"dtype":"U8","shape":)" + ones(32) + R"(,"data_offsets":[0,8]}})", "12345678")));
  EXPECT_EQ(shape_code(ones(33)), "KV113");
}

TEST(Header, KV114SizeOverflows) {
  EXPECT_EQ(shape_code("[2147483647,2147483647,4]"), "KV114") << "elements";
  EXPECT_EQ(entry_code(R"({"dtype":"F32","shape":[2147483647,2147483647],"data_offsets":[0,8]})"), "KV114") << "bytes";
}

TEST(Header, KV115RangeBackwards) {
  EXPECT_EQ(offsets_code("[8,0]"), "KV115");
}

TEST(Header, KV116SizeMismatch) {
  EXPECT_EQ(offsets_code("[0,7]"), "KV116");
  EXPECT_EQ(shape_code("[]"), "KV116") << "a scalar has one element";
}

TEST(Header, KV117RangeOutsideTheFile) {
  const auto error =
      error_of([] { (void)parse(container(R"({"3.1":{"dtype":"U8","shape":[8],"data_offsets":[1,9]}})", "12345678")); });
  EXPECT_EQ(error->code(), "KV117");
  EXPECT_EQ(error->key(), "3.1");
  EXPECT_FALSE(error->remedy().text().empty());
  EXPECT_EQ(entry_code(R"({"dtype":"U8","shape":[8],"data_offsets":[18446744073709551600,18446744073709551608]})"), "KV117")
      << "8 + N + end must not wrap around";
}

TEST(Header, OneProblemGivesOneCode) {
  // A defect of a lower code, wherever it stands, is the reason for whatever else looks wrong.
  EXPECT_EQ(code(container(R"({"0.0":1,"0.1":2,)")), "KV105");
  EXPECT_EQ(code(container(R"({"0.0":{"shape":7},"0.0":{}})")), "KV109");
  EXPECT_EQ(code(container(R"({"0.0":7,"__metadata__":7})")), "KV110");
  EXPECT_EQ(entry_code(R"({"dtype":"F64","shape":[-1],"data_offsets":[9]})"), "KV111");
}

TEST(Header, MessagesQuoteNamesSafely) {
  const auto error = error_of([] { (void)parse(container(R"({"\u001b[31m":1})")); });
  EXPECT_STREQ(error->what(), "tensor '\\x1b[31m': its entry is not an object");
  EXPECT_EQ(error->key(), "\x1b[31m");
}

// Each of the `count` members of an object, separated by commas.
std::string members(std::size_t count, const std::string& value) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":" + value;
  return out;
}

TEST(Header, HasALimitOfTensors) {
  const std::string empty = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_EQ(parse(container("{" + members(65'536, empty) + "}")).tensors.size(), 65'536U);
  EXPECT_EQ(code(container("{" + members(65'537, empty) + "}")), "KV103");
}

TEST(Header, HasALimitOfMetadataEntries) {
  EXPECT_EQ(parse(container(R"({"__metadata__":{)" + members(65'536, "\"\"") + "}}")).metadata.size(), 65'536U);
  EXPECT_EQ(code(container(R"({"__metadata__":{)" + members(65'537, "\"\"") + "}}")), "KV103");
}

}  // namespace
}  // namespace kvcache

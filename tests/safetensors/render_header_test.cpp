// The bytes before the data.
#include <gtest/gtest.h>

#include "safetensors/container.h"
#include "support/errors.h"

namespace kvcache {
namespace {

Tensor zeros(Shape shape, Dtype dtype = Dtype::U8) {
  return Tensor::zeros(dtype, std::move(shape));
}

// The JSON without length field and padding.
std::string json(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  const std::string header = render_header(tensors, metadata);
  EXPECT_EQ(header.substr(0, 8), test::little_endian(header.size() - 8));
  return header.substr(8, header.find_last_not_of(' ') - 7);
}

TEST(RenderHeader, IsWhatMlxWrites) {
  EXPECT_EQ(
      json({{"2.0", zeros({1, 2}, Dtype::F16)}, {"10.0", zeros({3})}}, {{"2.0", "KVCache"}, {"0.0", ""}}),
      R"({"10.0":{"data_offsets":[4,7],"dtype":"U8","shape":[3]},"2.0":{"data_offsets":[0,4],"dtype":"F16","shape":[1,2]},)"
      R"("__metadata__":{"0.0":"","2.0":"KVCache"}})");
}

TEST(RenderHeader, MetadataStandsAmongTheKeysInByteOrder) {
  EXPECT_EQ(json({{"keys", zeros({0})}, {"Z", zeros({})}}, {}),
            R"({"Z":{"data_offsets":[0,1],"dtype":"U8","shape":[]},"__metadata__":null,)"
            R"("keys":{"data_offsets":[0,0],"dtype":"U8","shape":[0]}})");
  EXPECT_EQ(json({}, {}), R"({"__metadata__":null})");
}

TEST(RenderHeader, EscapesWhatMustBeEscapedAndNothingElse) {
  EXPECT_EQ(json({}, {{"k", std::string("\"\\\b\f\n\r\t\x01\x1f/\x7f\xC3\xA4\0", 14)}}),
            R"({"__metadata__":{"k":"\"\\\b\f\n\r\t\u0001\u001f/)"
            "\x7f\xC3\xA4"
            R"(\u0000"}})");
}

TEST(RenderHeader, DataIsAlignedTo64AndInLargeFilesTo4096) {
  EXPECT_EQ(render_header({}, {}).size() % 64, 0U);
  constexpr std::int64_t mib4 = 4 << 20;
  const std::size_t header = render_header({{"a", zeros({mib4 - 1024})}}, {}).size();
  EXPECT_LT(header, 1024U);
  EXPECT_EQ(render_header({{"a", zeros({mib4 - static_cast<std::int64_t>(header)})}}, {}).size(), header) << "4 MiB in all";
  EXPECT_EQ(render_header({{"a", zeros({mib4 - static_cast<std::int64_t>(header) + 1})}}, {}).size(), 4096U);
}

TEST(RenderHeader, RefusesWhatNoReaderCouldRead) {
  const auto kind = [](const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
    return test::error_of([&] { (void)render_header(tensors, metadata); })->kind();
  };
  EXPECT_EQ(kind({{"a", zeros({1})}, {"b", zeros({1})}, {"a", zeros({1})}}, {}), ErrorKind::impossible) << "key twice";
  EXPECT_EQ(kind({{"__metadata__", zeros({1})}}, {}), ErrorKind::impossible);
  EXPECT_EQ(kind({{"\xFF", zeros({1})}}, {}), ErrorKind::impossible);
  EXPECT_EQ(kind({}, {{"a", "\xFF"}}), ErrorKind::impossible);
  EXPECT_EQ(kind({}, {{"\xED\xA0\x80", "a"}}), ErrorKind::impossible);
  EXPECT_EQ(kind({}, {{"a", std::string(100'000'000, 'x')}}), ErrorKind::impossible) << "header too large";
}

TEST(RenderHeader, IsReadBackAsItWas) {
  const Metadata metadata{{"1.text", std::string("\0 \x1b \" \\ \xE4\xB8\xAD", 11)}};
  const std::string header = render_header({{"0.0", zeros({2, 3}, Dtype::BF16)}}, metadata);
  const Header parsed = test::parse(header + std::string(12, '\0'));
  EXPECT_EQ(parsed.metadata, metadata);
  EXPECT_EQ(parsed.data_begin, header.size());
  EXPECT_EQ(parsed.tensors.at(0).shape, (Shape{2, 3}));
  EXPECT_TRUE(parsed.defects.empty());
}

}  // namespace
}  // namespace kvcache

// Archives: members are ranges of the file, or the archive is refused.
#include "foreign/zip_archive.h"

#include <gtest/gtest.h>

#include <vector>

#include "foreign/little_endian.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

struct Made {
  std::string name;
  std::string bytes;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
};

std::string zip_of(const std::vector<Made>& members) {
  std::string out;
  std::string directory;
  for (const Made& m : members) {
    const auto offset = static_cast<std::uint32_t>(out.size());
    const auto size = static_cast<std::uint32_t>(m.bytes.size());
    const auto shared = [&](std::string& to) {
      append_le<std::uint16_t>(to, 20);
      append_le(to, m.flags);
      append_le(to, m.method);
      append_le<std::uint32_t>(to, 0);
      append_le<std::uint32_t>(to, 0);
      append_le(to, size);
      append_le(to, size);
      append_le(to, static_cast<std::uint16_t>(m.name.size()));
      append_le<std::uint16_t>(to, 0);
    };
    append_le<std::uint32_t>(out, 0x04034b50);
    shared(out);
    out += m.name + m.bytes;
    append_le<std::uint32_t>(directory, 0x02014b50);
    append_le<std::uint16_t>(directory, 20);
    shared(directory);
    append_le<std::uint16_t>(directory, 0);
    append_le<std::uint16_t>(directory, 0);
    append_le<std::uint16_t>(directory, 0);
    append_le<std::uint32_t>(directory, 0);
    append_le(directory, offset);
    directory += m.name;
  }
  const auto begin = static_cast<std::uint32_t>(out.size());
  out += directory;
  append_le<std::uint32_t>(out, 0x06054b50);
  append_le<std::uint32_t>(out, 0);
  append_le(out, static_cast<std::uint16_t>(members.size()));
  append_le(out, static_cast<std::uint16_t>(members.size()));
  append_le(out, static_cast<std::uint32_t>(directory.size()));
  append_le(out, begin);
  append_le<std::uint16_t>(out, 0);
  return out;
}

std::shared_ptr<const ByteSource> source_of(const std::string& bytes) {
  const auto all = std::as_bytes(std::span(bytes.data(), bytes.size()));
  return memory_source({all.begin(), all.end()});
}

std::string refusal(const std::string& bytes) {
  try {
    const ZipArchive archive(source_of(bytes));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "KV911");
    return error.what();
  }
  return "taken";
}

TEST(ZipArchive, MembersAreRanges) {
  const ZipArchive archive(source_of(zip_of({{"a", "hello"}, {"b/c", ""}})));
  ASSERT_EQ(archive.members().size(), 2U);
  const auto member = archive.find("a");
  ASSERT_NE(member, nullptr);
  std::string text(5, ' ');
  member->read_at(0, std::as_writable_bytes(std::span(text.data(), text.size())));
  EXPECT_EQ(text, "hello");
  EXPECT_THROW(member->read_at(3, std::as_writable_bytes(std::span(text.data(), text.size()))), Error);
  EXPECT_EQ(archive.find("x"), nullptr);
}

TEST(ZipArchive, RefusesWhatWouldHaveToBeUnpacked) {
  EXPECT_NE(refusal(zip_of({{"a", "x", 8}})).find("compressed"), std::string::npos);
  EXPECT_NE(refusal(zip_of({{"a", "x", 0, 1}})).find("encrypted"), std::string::npos);
}

TEST(ZipArchive, RefusesNamesThatLeadOut) {
  for (const char* name : {"/etc/passwd", "../a", "a/../../b", "C:\\a", "a\\b", ""})
    EXPECT_NE(refusal(zip_of({{name, "x"}})).find("leads out"), std::string::npos) << name;
}

TEST(ZipArchive, RefusesTwoOfOneName) {
  EXPECT_NE(refusal(zip_of({{"a", "x"}, {"a", "y"}})).find("two members"), std::string::npos);
}

TEST(ZipArchive, RefusesWhatIsCutOff) {
  const std::string whole = zip_of({{"a", "hello"}, {"b", "world"}});
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_NE(refusal(whole.substr(0, n)), "taken") << n;
}

TEST(ZipArchive, RefusesMembersThatOverlap) {
  // The second entry of the directory points at the first member.
  std::string bytes = zip_of({{"a", "hello"}, {"b", "hello"}});
  const std::size_t second = bytes.rfind(std::string("PK\x01\x02", 4));
  for (std::size_t i = 0; i < 4; ++i) bytes[second + 42 + i] = 0;
  EXPECT_NE(refusal(bytes).find("overlap"), std::string::npos);
}

}  // namespace
}  // namespace kvcache::foreign

// Where bytes come from.
#include "kvcache/byte_source.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/folder.h"

namespace kvcache {
namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string read(const ByteSource& source, std::uint64_t offset, std::size_t size) {
  std::string out(size, '?');
  source.read_at(offset, std::as_writable_bytes(std::span(out)));
  return out;
}

TEST(ByteSource, MemoryAndFilesAnswerAlike) {
  test::Folder folder;
  test::write_file(folder / "a", "prompt");
  const auto file = file_source(folder / "a");
  for (const auto& source : {file, memory_source(bytes_of("prompt"), folder / "a")}) {
    EXPECT_EQ(source->label(), folder / "a");
    EXPECT_EQ(source->size(), 6U);
    EXPECT_EQ(read(*source, 0, 6), "prompt");
    EXPECT_EQ(read(*source, 2, 3), "omp");
    EXPECT_EQ(read(*source, 6, 0), "");
    source->will_need(std::vector<ByteRange>{{0, 6}});
    const auto error = test::error_of([&] { (void)read(*source, 4, 3); });
    EXPECT_EQ(error->kind(), ErrorKind::io);
    EXPECT_EQ(error->code(), "KV100");
  }
  EXPECT_GE(file->descriptor(), 0);
  EXPECT_EQ(memory_source({})->descriptor(), -1);
  EXPECT_EQ(memory_source({})->label(), "memory");
}

TEST(ByteSource, NoOffsetIsTooLargeToBeRefused) {
  const auto source = memory_source(bytes_of("prompt"));
  EXPECT_EQ(test::code_of([&] { (void)read(*source, ~std::uint64_t{0}, 2); }), "KV100");
}

TEST(ByteSource, WhatCannotBeOpenedIsNamed) {
  test::Folder folder;
  EXPECT_EQ(test::code_of([&] { (void)file_source(folder.str()); }), "KV100");
  EXPECT_EQ(test::code_of([&] { (void)file_source(folder / "none"); }), "KV100");
}

}  // namespace
}  // namespace kvcache

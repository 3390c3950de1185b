// Where bytes go to.
#include "kvcache/byte_sink.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/errors.h"
#include "support/folder.h"

namespace kvcache {
namespace {

using Names = std::vector<std::string>;

void put(ByteSink& sink, std::uint64_t offset, std::string_view text) {
  sink.write_at(offset, std::as_bytes(std::span(text)));
}

std::string text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ByteSink, AFileAndMemoryHoldTheSame) {
  test::Folder folder;
  const auto fill = [](ByteSink& sink) {
    sink.reserve(6);
    put(sink, 3, "mpt");
    put(sink, 0, "pro");
    sink.complete({0, 6});
    sink.commit();
  };
  const auto file = file_sink(folder / "a");
  EXPECT_EQ(file->label(), folder / "a");
  fill(*file);
  EXPECT_EQ(test::read_file(folder / "a"), "prompt");
  MemorySink memory;
  EXPECT_EQ(memory.label(), "memory");
  fill(memory);
  EXPECT_EQ(text(memory.take()), "prompt");
}

TEST(ByteSink, ShowsNothingBeforeItIsCommittedAndAfterItIsAborted) {
  test::Folder folder;
  const auto file = file_sink(folder / "a");
  put(*file, 0, "prompt");
  file->abort();
  EXPECT_EQ(folder.names(), Names{});

  MemorySink memory("a cache");
  put(memory, 0, "prompt");
  const auto error = test::error_of([&] { (void)memory.take(); });
  EXPECT_EQ(error->kind(), ErrorKind::usage);
  EXPECT_STREQ(error->what(), "nothing was committed to a cache");
  memory.abort();
  EXPECT_THROW((void)memory.take(), Error);
}

TEST(ByteSink, MemoryIsFilledByManyThreadsWhileItGrows) {
  constexpr std::size_t piece = 1000;
  MemorySink memory;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&memory, t] {
      for (std::size_t i = t; i < 400; i += 4) put(memory, i * piece, std::string(piece, static_cast<char>('a' + i % 26)));
    });
  for (std::thread& thread : threads) thread.join();
  memory.commit();
  const std::string all = text(memory.take());
  ASSERT_EQ(all.size(), 400 * piece);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<char>('a' + i / piece % 26)) << i;
}

TEST(FileSink, KeepsToItsOptions) {
  test::Folder folder;
  test::write_file(folder / "a", "old");
  EXPECT_EQ(test::error_of([&] { (void)file_sink(folder / "a"); })->kind(), ErrorKind::usage);
  const auto file = file_sink(folder / "a", {.overwrite = true});
  put(*file, 0, "new");
  EXPECT_EQ(test::read_file(folder / "a"), "old");
  file->commit();
  EXPECT_EQ(test::read_file(folder / "a"), "new");
}

}  // namespace
}  // namespace kvcache

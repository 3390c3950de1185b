// Files that are opened for what their headers say.
#include "safetensors/open_header.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/folder.h"

namespace kvcache::detail {
namespace {

Tensor zeros_of(std::int64_t count) {
  return Tensor::zeros(Dtype::U8, {count});
}

TEST(OpenHeader, IsTheSameOfAPlainAndACompressedFile) {
  test::Folder folder;
  for (const bool gzip : {false, true}) {
    const std::string path = folder / (gzip ? "a.safetensors.gz" : "a.safetensors");
    WriteOptions how;
    how.gzip = gzip;
    write_safetensors(path, {{"x", zeros_of(100'000)}}, {{"k", "v"}}, how);
    for (const bool is_regular : {false, true}) {
      std::optional<FileTimes> times;
      const SafetensorsFile file = open_header(path, is_regular, times);
      EXPECT_EQ(file.gzip(), gzip);
      EXPECT_EQ(file.disk_bytes(), std::filesystem::file_size(path));
      EXPECT_EQ(file.path(), path);
      EXPECT_EQ(file.header().metadata.at("k"), "v");
      ASSERT_TRUE(times);
      EXPECT_EQ(times->size, std::filesystem::file_size(path));
      std::vector<std::byte> last(1, std::byte{1});
      file.source()->read_at(file.source()->size() - 1, last);
      EXPECT_EQ(last[0], std::byte{0});
    }
  }
}

TEST(OpenHeader, KnowsTheTimesOfADamagedFileFromBeforeItWasRead) {
  test::Folder folder;
  test::write_file(folder / "a", "no header");
  std::optional<FileTimes> times;
  EXPECT_EQ(test::error_of([&] { (void)open_header(folder / "a", true, times); })->kind(), ErrorKind::unreadable);
  ASSERT_TRUE(times);
  EXPECT_EQ(times->size, 9U);
  times.reset();
  EXPECT_EQ(test::error_of([&] { (void)open_header(folder / "none", true, times); })->kind(), ErrorKind::io);
  EXPECT_FALSE(times);
}

}  // namespace
}  // namespace kvcache::detail

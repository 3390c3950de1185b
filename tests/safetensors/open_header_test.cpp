// Files that are opened for what their headers say.
#include "safetensors/open_header.h"

#include <gtest/gtest.h>

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
      const OpenedHeader opened = open_header(path, is_regular);
      EXPECT_EQ(opened.file.gzip(), gzip);
      EXPECT_EQ(opened.file.disk_bytes(), std::filesystem::file_size(path));
      EXPECT_EQ(opened.file.path(), path);
      EXPECT_EQ(opened.file.header().metadata.at("k"), "v");
      ASSERT_TRUE(opened.times);
      EXPECT_EQ(opened.times->size, std::filesystem::file_size(path));
      std::vector<std::byte> last(1, std::byte{1});
      opened.file.source()->read_at(opened.file.source()->size() - 1, last);
      EXPECT_EQ(last[0], std::byte{0});
    }
  }
}

}  // namespace
}  // namespace kvcache::detail

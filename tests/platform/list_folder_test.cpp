// What a folder's listing says of its names.
#include "platform/list_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "support/folder.h"

namespace kvcache::detail {
namespace {

std::map<std::string, EntryType> listed(const std::string& folder) {
  std::map<std::string, EntryType> out;
  EXPECT_FALSE(list_folder(folder, [&](std::string_view name, EntryType type) { return out.emplace(name, type).second; }));
  return out;
}

TEST(ListFolder, SaysWhatEachNameIsAndFollowsNoLink) {
  test::Folder folder;
  test::write_file(folder / "a", "prompt");
  test::write_file(folder / ".hidden", "");
  std::filesystem::create_directory(folder / "b");
  std::filesystem::create_symlink("a", folder / "link");
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  const std::map<std::string, EntryType> wanted = {{"a", EntryType::file},        {".hidden", EntryType::file},
                                                   {"b", EntryType::folder},      {"link", EntryType::link},
                                                   {"dangling", EntryType::link}, {"fifo", EntryType::other}};
  EXPECT_EQ(listed(folder.str()), wanted);
  EXPECT_TRUE(listed(folder / "b").empty());
}

TEST(ListFolder, EndsWhenItIsToldTo) {
  test::Folder folder;
  for (const char* name : {"a", "b", "c"}) test::write_file(folder / name, "");
  std::size_t seen = 0;
  EXPECT_FALSE(list_folder(folder.str(), [&](std::string_view, EntryType) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2U);
}

TEST(ListFolder, SaysWhyAFolderCannotBeRead) {
  test::Folder folder;
  test::write_file(folder / "a", "");
  const auto why = [](const std::string& path) {
    return list_folder(path, [](std::string_view, EntryType) { return ADD_FAILURE() << "a name", true; });
  };
  EXPECT_EQ(why(folder / "none"), std::errc::no_such_file_or_directory);
  EXPECT_EQ(why(folder / "a"), std::errc::not_a_directory);
}

}  // namespace
}  // namespace kvcache::detail

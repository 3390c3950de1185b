// Files of text that are read whole.
#include "platform/text_file.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/faults.h"
#include "support/folder.h"

namespace kvcache::detail {
namespace {

const TextLimit one_mib{1U << 20U, ErrorKind::unreadable, "cut it"};

TEST(ReadTextFile, ReadsUpToTheLimitAndRefusesMore) {
  test::Folder folder;
  const std::string most(one_mib.bytes, 'x');
  test::write_file(folder / "most", most);
  test::write_file(folder / "more", most + "x");
  EXPECT_EQ(read_text_file(folder / "most", one_mib), most);
  const auto error = test::error_of([&] { (void)read_text_file(folder / "more", one_mib); });
  EXPECT_EQ(error->kind(), ErrorKind::unreadable);
  EXPECT_STREQ(error->what(), "more than 1 MiB");
  EXPECT_EQ(error->remedy().text(), "cut it");
}

TEST(ReadTextFile, ReadsWhatHasNoSize) {
  if (!std::filesystem::exists("/proc/self/status")) GTEST_SKIP() << "a file system of Linux";
  EXPECT_NE(read_text_file("/proc/self/status", one_mib).find("Pid:"), std::string::npos);
}

TEST(ReadTextFile, SaysWhatStandsInTheWay) {
  test::Folder folder;
  std::filesystem::create_symlink("loop", folder / "loop");
  const auto message = [](const std::string& path) {
    return std::string(test::error_of([&] { (void)read_text_file(path, one_mib); })->what());
  };
  EXPECT_EQ(message(folder / "loop"), "cannot be read: Too many levels of symbolic links");
  EXPECT_EQ(message(folder / "none"), "cannot be read: No such file or directory");
  EXPECT_EQ(message("/dev/zero"), "cannot be read: it is a device");
}

TEST(ReadTextFile, SurvivesOrReportsAnyCallThatFails) {
  test::Folder folder;
  test::write_file(folder / "a", "prompt");
  for (int at = 1;; ++at) {
    const test::FailingCall fault(at, EIO);
    try {
      EXPECT_EQ(read_text_file(folder / "a", one_mib), "prompt");
      if (!fault.happened()) break;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "KV100");
    }
  }
}

}  // namespace
}  // namespace kvcache::detail

// Output files are there completely or not at all, whichever call fails.
#include "platform/output_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/stop.h"
#include "support/errors.h"
#include "support/faults.h"
#include "support/folder.h"

namespace kvcache::detail {
namespace {

using test::error_of;
using Names = std::vector<std::string>;

void write(const std::string& path, const std::string& text, const FileSinkOptions& options = {}) {
  OutputFile out(path, options);
  out.write_at(0, std::as_bytes(std::span(text)));
  out.commit();
}

/// Calls that wait for the disk, or set it to work.
int disk_calls = 0;

TEST(OutputFile, WaitsForTheDiskUnlessItNeedNotBeDurable) {
  for (const bool durable : {true, false}) {
    test::Folder folder;
    const Syscalls saved = syscalls();
    disk_calls = 0;
    syscalls().fsync = [](int) { return ++disk_calls, 0; };
    syscalls().start_writeback = [](int, off_t, off_t) { return ++disk_calls, 0; };
    FileSinkOptions how;
    how.durable = durable;
    {
      OutputFile out(folder / "a", how);
      const std::vector<std::byte> bytes(std::size_t{32} << 20U);
      out.write_at(0, bytes);
      out.complete({0, bytes.size()});
      out.commit();
    }
    syscalls() = saved;
    EXPECT_EQ(std::filesystem::file_size(folder / "a"), std::size_t{32} << 20U);
    EXPECT_EQ(disk_calls, durable ? 3 : 0);  // the data while they come, all of them, the folder
    EXPECT_EQ(error_of([&] { write(folder / "a", "two", how); })->kind(), ErrorKind::usage);
  }
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0);
  return status.st_mode & 0777U;
}

// The ways of a file system, by which calls it has.
enum class System { everything, no_nameless, no_rename_new, no_links };

class AnySystem : public testing::TestWithParam<System> {
 protected:
  void SetUp() override {
    saved_ = syscalls();
    if (GetParam() == System::everything) return;
    syscalls().open_nameless = [](const char*, mode_t) { return errno = EOPNOTSUPP, -1; };
    if (GetParam() == System::no_nameless) return;
    syscalls().rename_new = [](const char*, const char*) { return errno = EINVAL, -1; };
    if (GetParam() == System::no_rename_new) return;
    syscalls().link = [](const char*, const char*) { return errno = EPERM, -1; };
  }
  void TearDown() override { syscalls() = saved_; }

 private:
  Syscalls saved_{};
};
INSTANTIATE_TEST_SUITE_P(OutputFile, AnySystem,
                         testing::Values(System::everything, System::no_nameless, System::no_rename_new, System::no_links));

TEST_P(AnySystem, AppearsOnCommitOnly) {
  test::Folder folder;
  {
    OutputFile out(folder / "a", {});
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  }
  EXPECT_TRUE(folder.names().empty());
  write(folder / "a", "one");
  EXPECT_EQ(test::read_file(folder / "a"), "one");
  EXPECT_EQ(folder.names(), Names{"a"});
}

TEST_P(AnySystem, ReplacesOnlyWhenAsked) {
  test::Folder folder;
  test::write_file(folder / "a", "old");
  const auto error = error_of([&] { write(folder / "a", "new"); });
  EXPECT_EQ(error->kind(), ErrorKind::usage);
  EXPECT_EQ(test::read_file(folder / "a"), "old");
  write(folder / "a", "new", {.overwrite = true});
  EXPECT_EQ(test::read_file(folder / "a"), "new");
  write(folder / "b", "new", {.overwrite = true});
  EXPECT_EQ(folder.names(), (Names{"a", "b"}));
}

TEST_P(AnySystem, DoesNotReplaceWhatAppearedMeanwhile) {
  test::Folder folder;
  {
    OutputFile out(folder / "a", {});
    test::write_file(folder / "a", "somebody else's");
    EXPECT_EQ(error_of([&] { out.commit(); })->kind(), GetParam() == System::no_links ? ErrorKind::io : ErrorKind::usage);
  }
  EXPECT_EQ(test::read_file(folder / "a"), "somebody else's");
  EXPECT_EQ(folder.names(), Names{"a"});
}

TEST_P(AnySystem, IsCompleteOrAbsentWhicheverCallFails) {
  for (const int error : {EIO, ENOSPC}) {
    for (const bool overwrite : {false, true}) {
      for (int at = 1;; ++at) {
        ASSERT_LT(at, 100);
        test::Folder folder;
        if (overwrite) test::write_file(folder / "a", "old");
        bool threw = false;
        {
          const test::FailingCall fault(at, error);
          try {
            write(folder / "a", "new", {.overwrite = overwrite, .keep_mode_of = overwrite ? folder / "a" : ""});
          } catch (const Error&) {
            threw = true;
          }
          if (!fault.happened()) break;
        }
        SCOPED_TRACE("call " + std::to_string(at) + (overwrite ? " when replacing" : ""));
        const std::string text = test::read_file(folder / "a");
        EXPECT_TRUE(threw || text == "new") << text;
        if (overwrite) {
          EXPECT_EQ(folder.names(), Names{"a"});
          EXPECT_TRUE(text == "old" || text == "new") << text;
        } else {
          EXPECT_EQ(folder.names(), threw ? Names{} : Names{"a"});
        }
      }
    }
  }
}

TEST(OutputFile, IsPrivateUnlessToldOtherwise) {
  test::Folder folder;
  const mode_t before = umask(022);
  write(folder / "private", "x");
  write(folder / "shared", "x", {.private_mode = false});
  EXPECT_EQ(mode_of(folder / "private"), 0600U);
  EXPECT_EQ(mode_of(folder / "shared"), 0644U);
  chmod((folder / "shared").c_str(), 0640);
  write(folder / "shared", "y", {.overwrite = true, .keep_mode_of = folder / "shared"});
  EXPECT_EQ(mode_of(folder / "shared"), 0640U);
  umask(before);
}

TEST(OutputFile, FollowsSymbolicLinks) {
  test::Folder folder;
  std::filesystem::create_directory(folder / "d");
  test::write_file(folder / "d/real", "old");
  std::filesystem::create_symlink("d/real", folder / "link");
  std::filesystem::create_symlink("d/later", folder / "dangling");
  std::filesystem::create_symlink("loop", folder / "loop");
  write(folder / "link", "new", {.overwrite = true});
  write(folder / "dangling", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(test::read_file(folder / "d/real"), "new");
  EXPECT_EQ(test::read_file(folder / "d/later"), "new");
  EXPECT_EQ(error_of([&] { write(folder / "loop", "new"); })->kind(), ErrorKind::io);
}

TEST(OutputFile, RefusesWhatIsNoFile) {
  test::Folder folder;
  EXPECT_EQ(error_of([&] { write(folder.str(), "x", {.overwrite = true}); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([&] { write("/dev/null", "x", {.overwrite = true}); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([&] { write("", "x"); })->kind(), ErrorKind::usage);
  const auto error = error_of([&] { write(folder / "none/a", "x"); });
  EXPECT_EQ(error->kind(), ErrorKind::io);
  EXPECT_EQ(std::string(error->what()), "cannot create '" + (folder / "none/a") + "': No such file or directory");
}

TEST(OutputFile, TakesNamesOfTheGreatestLength) {
  test::Folder folder;
  const test::Replaced fault(
      &Syscalls::open_nameless, +[](const char*, mode_t) { return errno = EOPNOTSUPP, -1; });
  write(folder / std::string(255, 'n'), "x");
  EXPECT_EQ(folder.names(), Names{std::string(255, 'n')});
}

TEST(OutputFile, IsNotPublishedAfterARequestToStop) {
  test::Folder folder;
  stop_requested() = 15;
  EXPECT_EQ(error_of([&] { write(folder / "a", "x"); })->kind(), ErrorKind::interrupted);
  stop_requested() = 0;
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace kvcache::detail

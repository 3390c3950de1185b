#include "platform/remove_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "kvcache/error.h"
#include "platform/syscalls.h"
#include "support/folder.h"

namespace kvcache::detail {
namespace {

namespace fs = std::filesystem;

/// Something that somebody else does right before a call of the table.
class Before {
 public:
  explicit Before(int (*Syscalls::*call)(int, const char*, int), std::function<void()> act) : saved_(syscalls()) {
    real_ = saved_.*call;
    act_ = std::move(act);
    syscalls().*call = [](int folder, const char* name, int flags) {
      if (act_) std::exchange(act_, {})();
      return real_(folder, name, flags);
    };
  }
  Before(const Before&) = delete;
  Before& operator=(const Before&) = delete;
  ~Before() { syscalls() = saved_; }

 private:
  Syscalls saved_;
  inline static int (*real_)(int, const char*, int);
  inline static std::function<void()> act_;
};

class RemoveFile : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "in/deep");
    fs::create_directories(folder_ / "outside/deep");
    test::write_file(path(), "cache");
  }
  std::string path() const { return folder_ / "in/deep/a"; }
  Removal remove(const FileState& state) const { return remove_unchanged(folder_ / "in", "deep/a", state); }

  test::Folder folder_;
};

TEST_F(RemoveFile, RemovesTheFileThatWasLookedAt) {
  EXPECT_EQ(remove(*file_state(path())), Removal::removed);
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_TRUE(fs::exists(folder_ / "in/deep"));
}

TEST_F(RemoveFile, LeavesWhatHasChanged) {
  const FileState state = *file_state(path());
  test::write_file(path(), "longer than before");
  EXPECT_EQ(remove(state), Removal::changed);
  test::write_file(path(), "cache");
  fs::last_write_time(path(), fs::last_write_time(path()) + std::chrono::seconds(5));
  EXPECT_EQ(remove(state), Removal::changed);
  EXPECT_TRUE(fs::exists(path()));
}

TEST_F(RemoveFile, LeavesAnotherFileOfThatName) {
  const FileState state = *file_state(path());
  const auto time = fs::last_write_time(path());
  test::write_file(folder_ / "new", "CACHE");
  fs::rename(folder_ / "new", path());
  fs::last_write_time(path(), time);
  EXPECT_EQ(remove(state), Removal::changed);
  EXPECT_EQ(test::read_file(path()), "CACHE");
}

TEST_F(RemoveFile, SaysWhenTheFileOrItsFolderIsGone) {
  const FileState state = *file_state(path());
  fs::remove(path());
  EXPECT_EQ(remove(state), Removal::gone);
  fs::remove_all(folder_ / "in/deep");
  EXPECT_EQ(remove(state), Removal::gone);
}

TEST_F(RemoveFile, TakesLinksAndFoldersForNoFiles) {
  fs::create_symlink("a", folder_ / "in/deep/link");
  EXPECT_FALSE(file_state(folder_ / "in/deep/link"));
  EXPECT_FALSE(file_state(folder_ / "in/deep"));
  EXPECT_FALSE(file_state(folder_ / "in/nothing"));
}

TEST_F(RemoveFile, DoesNotFollowALinkThatTookThePlaceOfTheFile) {
  const FileState state = *file_state(path());
  fs::rename(path(), folder_ / "outside/a");
  fs::create_symlink(folder_ / "outside/a", path());
  EXPECT_EQ(remove(state), Removal::changed);
  EXPECT_TRUE(fs::is_symlink(path()));
  EXPECT_TRUE(fs::exists(folder_ / "outside/a"));
}

// The same file, by way of a link: nothing but the link gives it away.
TEST_F(RemoveFile, DoesNotFollowALinkThatTookThePlaceOfAFolder) {
  const FileState state = *file_state(path());
  const auto swap = [&] {
    fs::rename(folder_ / "in/deep", folder_ / "outside/moved");
    fs::create_directory_symlink(folder_ / "outside/moved", folder_ / "in/deep");
  };
  {
    const Before last_moment(&Syscalls::openat, swap);
    EXPECT_EQ(remove(state), Removal::changed);
  }
  EXPECT_TRUE(fs::exists(folder_ / "outside/moved/a"));
}

// The folder is open by then: what is deleted is what was looked at, wherever it is called now, and nothing else.
TEST_F(RemoveFile, StaysInTheFolderThatIsOpen) {
  const FileState state = *file_state(path());
  test::write_file(folder_ / "outside/deep/a", "other");
  const auto swap = [&] {
    fs::rename(folder_ / "in/deep", folder_ / "in/moved");
    fs::create_directory_symlink(folder_ / "outside/deep", folder_ / "in/deep");
  };
  {
    const Before last_moment(&Syscalls::unlinkat, swap);
    EXPECT_EQ(remove(state), Removal::removed);
  }
  EXPECT_FALSE(fs::exists(folder_ / "in/moved/a"));
  EXPECT_TRUE(fs::exists(folder_ / "outside/deep/a"));
}

TEST_F(RemoveFile, ReportsWhatTheSystemRefuses) {
  const FileState state = *file_state(path());
  const Syscalls saved = syscalls();
  syscalls().unlinkat = [](int, const char*, int) {
    errno = EACCES;
    return -1;
  };
  try {
    (void)remove(state);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_STREQ(error.what(), "cannot be deleted: Permission denied");
  }
  syscalls() = saved;
}

}  // namespace
}  // namespace kvcache::detail

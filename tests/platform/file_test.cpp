// Files: what may be opened, and what happens when a call delivers less than was asked for.
#include "platform/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "platform/stop.h"
#include "support/errors.h"
#include "support/faults.h"
#include "support/folder.h"

namespace kvcache::detail {
namespace {

using test::code_of;
using test::error_of;

std::string read_all(const File& file, std::size_t size) {
  std::string out(size, '?');
  file.pread_all(0, std::as_writable_bytes(std::span(out)));
  return out;
}

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(OpenInput, ReadsARegularFileAlsoThroughALink) {
  test::Folder folder;
  test::write_file(folder / "a", "prompt");
  std::filesystem::create_symlink("a", folder / "link");
  const File file = File::open_input(folder / "link");
  EXPECT_EQ(file.size(), 6U);
  EXPECT_EQ(read_all(file, 6), "prompt");
}

TEST(OpenInput, KnowsItsTimesWithoutAskingAgain) {
  test::Folder folder;
  test::write_file(folder / "a", "prompt");
  const auto times = file_times(folder / "a");
  for (const bool is_regular : {false, true}) {
    const FileTimes opened = File::open_input(folder / "a", is_regular).times_when_opened();
    EXPECT_EQ(opened.size, 6U);
    EXPECT_EQ(opened.modified, times->modified);
    EXPECT_EQ(opened.accessed, times->accessed);
  }
}

// Between a folder's listing and the opening anything may come to the name.
TEST(OpenInput, RefusesWhatIsNoFileAnyMore) {
  test::Folder folder;
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  for (const std::string& path : {folder / "fifo", folder.str(), folder / "none", std::string("/dev/zero")})
    EXPECT_EQ(code_of([&] { (void)File::open_input(path, true); }), "KV100") << path;
}

TEST(OpenInput, NamesWhatStandsInTheWay) {
  test::Folder folder;
  const auto message = [&](const std::string& path) {
    const auto error = error_of([&] { (void)File::open_input(path); });
    EXPECT_EQ(error->kind(), ErrorKind::io);
    EXPECT_EQ(error->code(), "KV100");
    return std::string(error->what());
  };
  EXPECT_EQ(message(folder / "none"), "cannot be read: No such file or directory");
  EXPECT_EQ(message(""), "cannot be read: No such file or directory");
  EXPECT_EQ(message(folder.str()), "cannot be read: it is a directory");
  EXPECT_EQ(message("/dev/zero"), "cannot be read: it is a device");

  std::filesystem::create_symlink("loop", folder / "loop");
  EXPECT_EQ(message(folder / "loop"), "cannot be read: Too many levels of symbolic links");

  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(message(folder / "fifo"), "cannot be read: it is a FIFO, which may never end");

  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "s").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(message(folder / "s"), "cannot be read: it is a socket");
  close(fd);
}

TEST(OpenInput, DoesNotTrustWhatItSawBeforeOpening) {
  // The path becomes a FIFO between stat and open: the open must not block, and the second look must notice.
  test::Folder folder;
  test::write_file(folder / "a", "prompt");
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  static std::string regular;
  regular = folder / "a";
  const test::Replaced fault(
      &Syscalls::stat, +[](const char*, struct stat* out) { return ::stat(regular.c_str(), out); });
  EXPECT_EQ(code_of([&] { (void)File::open_input(folder / "fifo"); }), "KV100");
}

TEST(OpenInputOrPipe, ReadsAPipeWhoseWriterIsSlow) {
  test::Folder folder;
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  const auto read_fifo = [&](const std::vector<std::string_view>& parts) {
    std::thread writer([&] {
      const int fd = open((folder / "fifo").c_str(), O_WRONLY);
      for (const std::string_view part : parts) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        EXPECT_EQ(write(fd, part.data(), part.size()), static_cast<ssize_t>(part.size()));
      }
      close(fd);
    });
    const File file = File::open_input_or_pipe(folder / "fifo");
    EXPECT_TRUE(file.is_pipe());
    std::string out;
    std::array<std::byte, 64> buffer{};
    while (const std::size_t n = file.read_some(buffer)) out.append(reinterpret_cast<const char*>(buffer.data()), n);
    writer.join();
    return out;
  };
  EXPECT_EQ(read_fifo({"a ", "prompt ", "cache"}), "a prompt cache");
}

TEST(OpenInputOrPipe, DoesNotWaitForAWriterToCome) {
  test::Folder folder;
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  const File file = File::open_input_or_pipe(folder / "fifo");
  std::array<std::byte, 8> buffer{};
  const auto error = error_of([&] { (void)file.read_some(buffer); });
  EXPECT_STREQ(error->what(), "cannot be read: nobody writes to this pipe");
  EXPECT_EQ(error->code(), "KV100");
}

TEST(OpenInputOrPipe, CanBeStoppedWhileItWaits) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const File file = File::open_input_or_pipe("/dev/fd/" + std::to_string(ends[0]));
  const test::Replaced wait(
      &Syscalls::wait_readable, +[](int, int) { return stop_requested() = SIGINT, errno = EINTR, -1; });
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ(error_of([&] { (void)file.read_some(buffer); })->kind(), ErrorKind::interrupted);
  stop_requested() = 0;
  close(ends[0]);
  close(ends[1]);
}

TEST(OpenInputOrPipe, TakesNothingElseThanFilesAndPipes) {
  test::Folder folder;
  for (const std::string& path : {folder.str(), std::string("/dev/zero"), folder / "none"})
    EXPECT_EQ(code_of([&] { (void)File::open_input_or_pipe(path); }), "KV100");
  test::write_file(folder / "a", "prompt");
  EXPECT_FALSE(File::open_input_or_pipe(folder / "a").is_pipe());
}

TEST(File, CollectsShortReadsAndWritesAndRepeatsInterruptedOnes) {
  static int calls = 0;
  calls = 0;
  const test::Replaced reads(
      &Syscalls::pread, +[](int fd, void* out, std::size_t size, off_t offset) -> ssize_t {
        if (++calls % 2 == 0) return errno = EINTR, -1;
        return ::pread(fd, out, std::min<std::size_t>(size, 3), offset);
      });
  const test::Replaced writes(
      &Syscalls::pwrite, +[](int fd, const void* data, std::size_t size, off_t offset) -> ssize_t {
        if (++calls % 2 == 0) return errno = EINTR, -1;
        return ::pwrite(fd, data, std::min<std::size_t>(size, 2), offset);
      });
  const File file = File::temporary();
  file.pwrite_all(0, bytes("a prompt cache"));
  EXPECT_EQ(read_all(file, 14), "a prompt cache");
  EXPECT_GT(calls, 14);
}

TEST(File, SaysThatItHasBecomeShorter) {
  const File file = File::temporary();
  file.pwrite_all(0, bytes("short"));
  const auto error = error_of([&] { (void)read_all(file, 6); });
  EXPECT_EQ(error->kind(), ErrorKind::io);
  EXPECT_STREQ(error->what(), "has become shorter while it was read");
}

TEST(File, ReportsReadAndWriteErrors) {
  const File file = File::temporary();
  file.pwrite_all(0, bytes("text"));
  {
    const test::FailingCall fault(1, EIO);
    EXPECT_STREQ(error_of([&] { (void)read_all(file, 4); })->what(), "cannot be read: Input/output error");
  }
  {
    const test::FailingCall fault(1, ENOSPC);
    const auto error = error_of([&] { file.pwrite_all(0, bytes("text")); });
    EXPECT_NE(std::string(error->what()).find("No space left on device"), std::string::npos);
    EXPECT_FALSE(error->remedy().text().empty());
  }
  {
    // A device that takes nothing and reports nothing must not be an endless loop.
    const test::Replaced fault(
        &Syscalls::pwrite, +[](int, const void*, std::size_t, off_t) -> ssize_t { return 0; });
    EXPECT_EQ(error_of([&] { file.pwrite_all(0, bytes("text")); })->kind(), ErrorKind::io);
  }
}

TEST(File, InterruptedCallsStopOnRequestOnly) {
  const File file = File::temporary();
  file.pwrite_all(0, bytes("text"));
  const test::Replaced fault(
      &Syscalls::read, +[](int, void*, std::size_t) -> ssize_t { return errno = EINTR, -1; });
  stop_requested() = 2;
  std::array<std::byte, 4> out{};
  EXPECT_EQ(error_of([&] { (void)file.read_some(out); })->kind(), ErrorKind::interrupted);
  stop_requested() = 0;
}

TEST(File, PreallocationReportsAFullDiskAndNothingElse) {
  const File file = File::temporary();
  {
    const test::FailingCall fault(1, ENOSPC);
    EXPECT_EQ(error_of([&] { file.preallocate(4096); })->kind(), ErrorKind::io);
  }
  const test::FailingCall fault(1, EOPNOTSUPP);
  EXPECT_NO_THROW(file.preallocate(4096));
}

TEST(File, AFullDiskIsNoticedBeforeAnythingIsWritten) {
  const File file = File::temporary();
  Syscalls& table = syscalls();
  const Syscalls real = table;
  table.free_bytes = [](int, std::uint64_t* out) {
    *out = 20'000'000;
    return 0;
  };
  const auto error = error_of([&] { file.preallocate(442'000'000); });
  EXPECT_NO_THROW(file.preallocate(4096));
  table.free_bytes = [](int, std::uint64_t*) { return -1; };
  EXPECT_NO_THROW(file.preallocate(4096));
  table = real;
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::io);
  EXPECT_NE(std::string(error->what()).find("it takes 442 MB, and 20.0 MB are free there"), std::string::npos) << error->what();
}

TEST(File, WritebackIsOnlyAHint) {
  const File file = File::temporary();
  const std::string data(2U << 20U, 'k');
  file.pwrite_all(0, bytes(data));
  EXPECT_NO_THROW(file.start_writeback(0, data.size()));
  for (const int error : {EIO, EOPNOTSUPP, ESPIPE}) {
    const test::FailingCall fault(1, error);
    EXPECT_NO_THROW(file.start_writeback(0, data.size())) << "what is wrong is for sync() to say";
  }
}

TEST(File, TemporaryHasNoNameEvenWhereTheSystemKnowsNoNamelessFiles) {
  test::Folder folder;
  const char* before = getenv("TMPDIR");
  const std::string saved = before != nullptr ? before : "";
  setenv("TMPDIR", folder.str().c_str(), 1);
  {
    const File file = File::temporary();
    const test::FailingCall fault(1, EOPNOTSUPP);
    const File other = File::temporary();
    other.pwrite_all(0, bytes("text"));
    EXPECT_EQ(read_all(other, 4), "text");
    EXPECT_TRUE(folder.names().empty());
  }
  setenv("TMPDIR", (folder / "none").c_str(), 1);
  EXPECT_NE(error_of([] { (void)File::temporary(); })->remedy().text().find("TMPDIR"), std::string::npos);
  before != nullptr ? setenv("TMPDIR", saved.c_str(), 1) : unsetenv("TMPDIR");
}

TEST(CopyInKernel, CopiesWhereOffsetsAgreeAndLeavesTheRestToTheCaller) {
  constexpr std::size_t size = 1U << 20U;
  const std::string data(size, 'k');
  const File in = File::temporary();
  const File out = File::temporary();
  in.pwrite_all(100, bytes(data));
  const std::uint64_t copied = copy_in_kernel(in.descriptor(), 100, out.descriptor(), 4196, size);
  EXPECT_LE(copied, size);
  if (copied == size) {
    std::string back(size, '?');
    out.pread_all(4196, std::as_writable_bytes(std::span(back)));
    EXPECT_EQ(back, data);
  }
  EXPECT_EQ(copy_in_kernel(in.descriptor(), 100, out.descriptor(), 0, size), 0U) << "offsets differ modulo 4096";
  EXPECT_EQ(copy_in_kernel(in.descriptor(), 100, out.descriptor(), 4196, 1000), 0U) << "too small to be worth a call";
  EXPECT_EQ(copy_in_kernel(-1, 0, out.descriptor(), 0, size), 0U) << "memory has no descriptor";
  for (const int error : {EXDEV, EINVAL, ENOSYS, EOPNOTSUPP}) {
    const test::FailingCall fault(1, error);
    EXPECT_EQ(copy_in_kernel(in.descriptor(), 100, out.descriptor(), 4196, size), 0U);
  }
}

}  // namespace
}  // namespace kvcache::detail

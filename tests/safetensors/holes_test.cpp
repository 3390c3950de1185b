// Long runs of zeros are holes of the file, where its file system has them, and bytes otherwise.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

#include "kvcache/error.h"
#include "platform/holes.h"
#include "platform/syscalls.h"
#include "safetensors/container.h"
#include "support/faults.h"
#include "support/folder.h"

namespace kvcache {
namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

/// Bytes that the file takes on the disk.
std::uint64_t room_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

/// Puts the table of calls back.
class Calls {
 public:
  Calls() : saved_(detail::syscalls()) {}
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;
  ~Calls() { detail::syscalls() = saved_; }

 private:
  detail::Syscalls saved_;
};

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string expected(const std::vector<NamedTensor>& tensors) {
  std::string out = render_header(tensors, {});
  for (const NamedTensor& named : tensors) {
    std::string bytes(named.tensor.nbytes(), '?');
    named.tensor.read(0, std::as_writable_bytes(std::span(bytes)));
    out += bytes;
  }
  return out;
}

/// Zeros around values, which are at no edge of a page.
std::vector<NamedTensor> mostly_zeros(std::int64_t unit = static_cast<std::int64_t>(mebibyte)) {
  std::vector<std::byte> values(static_cast<std::size_t>(unit) + 123);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::byte>(i * 7 + 1);
  return {{"a", Tensor::zeros(Dtype::U8, {5 * unit + 17})},
          {"b", Tensor::of_bytes(Dtype::U8, {static_cast<std::int64_t>(values.size())}, values)},
          {"c", Tensor::zeros(Dtype::U8, {3, 11 * unit})}};
}

/// What a file system makes of a hole.
bool has_holes_here(const test::Folder& folder) {
  const std::string path = folder / "probe";
  std::ofstream(path) << "x";
  std::filesystem::resize_file(path, 4 * mebibyte);
  return room_of(path) < mebibyte;
}

TEST(Holes, OfZeros) {
  test::Folder folder;
  const auto tensors = mostly_zeros();
  write_safetensors(folder / "out", tensors, {}, {.threads = 2});
  EXPECT_TRUE(content(folder / "out") == expected(tensors));
  if (has_holes_here(folder)) {
    EXPECT_LT(room_of(folder / "out"), 3 * mebibyte);
  }
}

TEST(Holes, AreWrittenWhereThereAreNone) {
  test::Folder folder;
  const auto tensors = mostly_zeros();
  const Calls calls;
  detail::syscalls().make_hole = [](int, off_t, off_t) { return errno = EOPNOTSUPP, -1; };
  write_safetensors(folder / "out", tensors, {});
  EXPECT_TRUE(content(folder / "out") == expected(tensors));
}

// tmpfs: a hole behind the end does not lengthen a file.
TEST(Holes, AtTheEndOfAFileThatWasNotReserved) {
  test::Folder folder;
  const auto tensors = mostly_zeros();
  const Calls calls;
  detail::syscalls().allocate = [](int, off_t) { return errno = EOPNOTSUPP, -1; };
  write_safetensors(folder / "out", tensors, {});
  EXPECT_TRUE(content(folder / "out") == expected(tensors));
}

TEST(Holes, OfAnInputStay) {
  test::Folder folder;
  const std::string path = folder / "in";
  {
    std::ofstream out(path, std::ios::binary);
    out << "front";
    out.seekp(static_cast<std::streamoff>(6 * mebibyte + 100));
    out << std::string(mebibyte, 'v');
    out.seekp(static_cast<std::streamoff>(9 * mebibyte));
    out << "back";
  }
  std::filesystem::resize_file(path, 20 * mebibyte + 5);
  const auto size = static_cast<std::int64_t>(20 * mebibyte);
  const std::vector<NamedTensor> tensors = {{"a", Tensor::stored(file_source(path), 5, Dtype::U8, {size})},
                                            {"b", Tensor::stored(file_source(path), 0, Dtype::U8, {size})}};
  write_safetensors(folder / "out", tensors, {}, {.threads = 2});
  EXPECT_TRUE(content(folder / "out") == expected(tensors));
  if (has_holes_here(folder)) {
    EXPECT_LT(room_of(folder / "out"), 6 * mebibyte);
  }
  // Where the system does not tell of holes, they are read.
  const Calls calls;
  detail::syscalls().next_data = [](int, off_t) -> off_t { return errno = EINVAL, -1; };
  detail::syscalls().next_hole = [](int, off_t) -> off_t { return errno = EINVAL, -1; };
  write_safetensors(folder / "other", tensors, {});
  EXPECT_TRUE(content(folder / "other") == expected(tensors));
}

TEST(Holes, NothingIsLeftWhereAnyCallFails) {
  test::Folder folder;
  const auto tensors = mostly_zeros(std::int64_t{1} << 17);
  const std::string whole = expected(tensors);
  for (int at = 1;; ++at) {
    const std::string path = folder / ("out" + std::to_string(at));
    bool happened = false;
    bool failed = false;
    {
      const test::FailingCall call(at, EIO);
      try {
        write_safetensors(path, tensors, {}, {.threads = 1});
      } catch (const Error&) {
        failed = true;
      }
      happened = call.happened();
    }
    if (std::filesystem::exists(path)) {
      EXPECT_TRUE(content(path) == whole) << at;
    }
    EXPECT_EQ(failed, !std::filesystem::exists(path)) << at;
    if (!happened) break;
  }
}

}  // namespace
}  // namespace kvcache

// Opening files, standard input and gzip.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <thread>

#include "safetensors/container.h"
#include "support/errors.h"
#include "support/faults.h"
#include "support/folder.h"

namespace kvcache {
namespace {

using test::code_of;
using test::container;

const std::string sound =
    container(R"({"0.0":{"data_offsets":[0,8],"dtype":"U8","shape":[8]},"__metadata__":null})", "12345678");

std::string gzip(const std::string& data) {
  z_stream zlib{};
  deflateInit2(&zlib, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&zlib, data.size()), '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  zlib.avail_in = static_cast<uInt>(data.size());
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&zlib, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - zlib.avail_out);
  deflateEnd(&zlib);
  return out;
}

std::string contents(const SafetensorsFile& file, const std::string& key) {
  const Tensor tensor = file.tensor(*file.header().find(key));
  std::string out(tensor.nbytes(), '?');
  tensor.read(0, std::as_writable_bytes(std::span(out)));
  return out;
}

class Open : public testing::Test {
 protected:
  SafetensorsFile open(const std::string& bytes) {
    test::write_file(folder_ / "f", bytes);
    return SafetensorsFile::open(folder_ / "f");
  }
  std::string code(const std::string& bytes) {
    return code_of([&] { (void)open(bytes); });
  }

  test::Folder folder_;
};

TEST_F(Open, ReadsTheHeaderAndGivesTensors) {
  const SafetensorsFile file = open(sound);
  EXPECT_FALSE(file.gzip());
  EXPECT_EQ(file.disk_bytes(), sound.size());
  EXPECT_EQ(file.path(), folder_ / "f");
  EXPECT_EQ(contents(file, "0.0"), "12345678");
}

TEST_F(Open, KV100WhatCannotBeRead) {
  EXPECT_EQ(code_of([&] { (void)SafetensorsFile::open(folder_ / "none"); }), "KV100");
  EXPECT_EQ(code_of([&] { (void)SafetensorsFile::open(folder_.str()); }), "KV100");
  test::write_file(folder_ / "f", sound);
  const test::Replaced fault(
      &detail::Syscalls::pread, +[](int, void*, std::size_t, off_t) -> ssize_t { return errno = EIO, -1; });
  const auto error = test::error_of([&] { (void)SafetensorsFile::open(folder_ / "f"); });
  EXPECT_EQ(error->code(), "KV100");
  EXPECT_EQ(error->kind(), ErrorKind::io);
}

TEST_F(Open, ReportsAFileThatShrinksAfterwards) {
  const SafetensorsFile file = open(sound);
  std::filesystem::resize_file(folder_ / "f", sound.size() - 1);
  EXPECT_EQ(test::error_of([&] { (void)contents(file, "0.0"); })->kind(), ErrorKind::io);
}

TEST_F(Open, RecognisesGzipByItsMagic) {
  const SafetensorsFile file = open(gzip(sound));
  EXPECT_TRUE(file.gzip());
  EXPECT_EQ(file.disk_bytes(), gzip(sound).size());
  EXPECT_EQ(file.header().file_bytes, sound.size());
  EXPECT_EQ(contents(file, "0.0"), "12345678");
}

TEST_F(Open, SeveralGzipMembersAreOneStream) {
  EXPECT_EQ(contents(open(gzip(sound.substr(0, 5)) + gzip("") + gzip(sound.substr(5))), "0.0"), "12345678");
}

TEST_F(Open, KV130GzipDamaged) {
  std::string bytes = gzip(sound);
  EXPECT_EQ(code(bytes.substr(0, bytes.size() - 1)), "KV130") << "cut off";
  EXPECT_EQ(code(bytes.substr(0, 2)), "KV130") << "magic alone";
  EXPECT_EQ(code(bytes + "garbage"), "KV130");
  bytes[bytes.size() - 8] ^= 1;
  EXPECT_EQ(code(bytes), "KV130") << "checksum";
}

TEST_F(Open, DefectsInsideOfSoundGzipKeepTheirCodes) {
  EXPECT_EQ(code(gzip("")), "KV101");
  EXPECT_EQ(code(gzip(sound.substr(0, sound.size() - 1))), "KV117");
  EXPECT_NE(code(gzip(gzip(sound))), "none") << "one layer only";
}

TEST_F(Open, KV131GzipTooLarge) {
  EXPECT_EQ(code(gzip(sound + std::string(20 << 20, '\0'))), "KV131");
  EXPECT_EQ(open(gzip(sound + std::string(1 << 20, '\0'))).header().defects.at(0).code, "KV120");
}

TEST_F(Open, StopsAtABrokenHeaderWithoutExpandingTheRest) {
  static std::size_t written = 0;
  written = 0;
  const test::Replaced count(
      &detail::Syscalls::pwrite, +[](int fd, const void* data, std::size_t size, off_t offset) {
        written += size;
        return ::pwrite(fd, data, size, offset);
      });
  EXPECT_EQ(code(gzip(std::string(20 << 20, '\0'))), "KV102");
  EXPECT_EQ(code(gzip(container("{]") + std::string(20 << 20, '\0'))), "KV105");
  EXPECT_LT(written, 1U << 20U);
}

// Standard input replaced by a pipe that a thread fills.
class StandardInput {
 public:
  explicit StandardInput(std::function<void(int fd)> writer) : saved_(dup(0)) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    dup2(ends[0], 0);
    close(ends[0]);
    thread_ = std::thread([writer = std::move(writer), fd = ends[1]] {
      signal(SIGPIPE, SIG_IGN);
      writer(fd);
      close(fd);
    });
  }
  ~StandardInput() {
    dup2(saved_, 0);  // closes our end, so that an endless writer ends
    close(saved_);
    thread_.join();
  }

 private:
  int saved_;
  std::thread thread_;
};

void write_slowly(int fd, const std::string& text) {
  for (const char c : text) EXPECT_EQ(write(fd, &c, 1), 1);
}

TEST_F(Open, AStreamIsKept) {
  const StandardInput input([](int fd) { write_slowly(fd, sound); });
  const SafetensorsFile file = SafetensorsFile::open_stream(STDIN_FILENO, "-");
  EXPECT_EQ(contents(file, "0.0"), "12345678");
  EXPECT_EQ(file.disk_bytes(), sound.size());
}

TEST_F(Open, StandardInputMayBeGzip) {
  const StandardInput input([](int fd) { write_slowly(fd, gzip(sound)); });
  const SafetensorsFile file = SafetensorsFile::open_stream(STDIN_FILENO, "-");
  EXPECT_TRUE(file.gzip());
  EXPECT_EQ(contents(file, "0.0"), "12345678");
}

TEST_F(Open, EndlessStandardInputIsNotReadToItsEnd) {
  const auto endless = [](int fd, const std::string& begin) {
    const std::string zeros(1 << 16, '\0');
    EXPECT_EQ(write(fd, begin.data(), begin.size()), static_cast<ssize_t>(begin.size()));
    while (write(fd, zeros.data(), zeros.size()) > 0) continue;
  };
  {
    const StandardInput input([&](int fd) { endless(fd, ""); });
    EXPECT_EQ(code_of([] { (void)SafetensorsFile::open_stream(STDIN_FILENO, "-"); }), "KV102");
  }
  const StandardInput input([&](int fd) { endless(fd, sound); });
  EXPECT_EQ(code_of([] { (void)SafetensorsFile::open_stream(STDIN_FILENO, "-"); }), "KV100");
}

TEST_F(Open, KV101EmptyStandardInput) {
  const StandardInput input([](int) {});
  EXPECT_EQ(code_of([] { (void)SafetensorsFile::open_stream(STDIN_FILENO, "-"); }), "KV101");
}

TEST_F(Open, AFullTemporaryFolderIsReported) {
  const test::Replaced fault(
      &detail::Syscalls::pwrite, +[](int, const void*, std::size_t, off_t) -> ssize_t { return errno = ENOSPC, -1; });
  const auto error = test::error_of([&] { (void)open(gzip(sound)); });
  EXPECT_EQ(error->kind(), ErrorKind::io);
  EXPECT_NE(std::string(error->what()).find("temporary"), std::string::npos);
}

// A program's own source: notes what it is told.
class NotingSource final : public ByteSource {
 public:
  explicit NotingSource(std::string bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::string label() const override { return "https://example.org/chat.safetensors"; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    std::ranges::copy(std::as_bytes(std::span(bytes_)).subspan(offset, out.size()), out.begin());
  }
  void will_need(std::span<const ByteRange> ranges) const override { hints.assign(ranges.begin(), ranges.end()); }
  mutable std::vector<ByteRange> hints;

 private:
  std::string bytes_;
};

TEST(OpenSource, ReadsFromWhateverHasBytes) {
  const auto source = std::make_shared<NotingSource>(sound);
  const SafetensorsFile file = SafetensorsFile::open(source);
  EXPECT_EQ(file.path(), "https://example.org/chat.safetensors");
  EXPECT_EQ(file.disk_bytes(), sound.size());
  EXPECT_FALSE(file.gzip());
  EXPECT_EQ(contents(file, "0.0"), "12345678");
  EXPECT_EQ(SafetensorsFile::open(source, "chat").path(), "chat");
  ASSERT_EQ(source->hints.size(), 1U);
  EXPECT_EQ(source->hints[0].offset, 0U);
  EXPECT_EQ(source->hints[0].size, sound.size()) << "never beyond the end";
}

TEST(OpenSource, TakesGzipAndReportsDefectsAsOfAFile) {
  const auto open = [](const std::string& bytes) { return SafetensorsFile::open(memory_source(test::bytes(bytes))); };
  const SafetensorsFile file = open(gzip(sound));
  EXPECT_TRUE(file.gzip());
  EXPECT_EQ(file.disk_bytes(), gzip(sound).size());
  EXPECT_EQ(contents(file, "0.0"), "12345678");
  EXPECT_EQ(code_of([&] { (void)open(""); }), "KV101");
  EXPECT_EQ(code_of([&] { (void)open("x"); }), "KV101");
  EXPECT_EQ(code_of([&] { (void)open(sound.substr(0, sound.size() - 1)); }), "KV117");
  EXPECT_EQ(code_of([&] { (void)open(gzip(sound).substr(0, 30)); }), "KV130");
  EXPECT_EQ(test::error_of([&] { (void)SafetensorsFile::open(std::shared_ptr<const ByteSource>()); })->kind(),
            ErrorKind::usage);
}

}  // namespace
}  // namespace kvcache

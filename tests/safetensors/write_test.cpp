// Writing files: the right bytes, whatever tensors are made of, with any number of threads, and nothing after a failure.
#include <gtest/gtest.h>

#include <atomic>

#include "safetensors/container.h"
#include "support/errors.h"
#include "support/faults.h"
#include "support/folder.h"

namespace kvcache {
namespace {

using Names = std::vector<std::string>;

std::vector<std::byte> pattern(std::size_t size, unsigned seed) {
  std::vector<std::byte> out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>((i * 2654435761U + seed) >> 13U);
  return out;
}

Tensor memory(std::int64_t size, unsigned seed = 1) {
  return Tensor::of_bytes(Dtype::U8, {size}, pattern(static_cast<std::size_t>(size), seed));
}

std::string read_all(const Tensor& tensor) {
  std::string out(tensor.nbytes(), '?');
  tensor.read(0, std::as_writable_bytes(std::span(out)));
  return out;
}

// What the file has to hold, from the parts that are tested elsewhere.
std::string expected(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  std::string out = render_header(tensors, metadata);
  for (const NamedTensor& named : tensors) out += read_all(named.tensor);
  return out;
}

// Unit u of output 0 is four bytes u+1, of output 1 one byte u+2.
class Counting final : public Computation {
 public:
  explicit Counting(std::uint64_t units) : units_(units) {}
  [[nodiscard]] std::size_t outputs() const override { return 2; }
  [[nodiscard]] std::uint64_t units() const override { return units_; }
  [[nodiscard]] std::uint64_t unit_bytes(std::size_t output) const override { return output == 0 ? 4 : 1; }
  [[nodiscard]] std::uint64_t unit_input_bytes() const override { return 16; }
  void evaluate(std::uint64_t first, std::uint64_t count, std::span<const std::span<std::byte>> out) const override {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t unit = first + i;
      if (unit == fail_at) throw Error(ErrorKind::impossible, "unit " + std::to_string(unit));
      for (std::size_t k = 0; k < 4 && !out[0].empty(); ++k) out[0][4 * i + k] = static_cast<std::byte>(unit + 1);
      if (!out[1].empty()) out[1][i] = static_cast<std::byte>(unit + 2);
    }
    evaluated += count;
  }

  mutable std::atomic<std::uint64_t> evaluated{0};
  std::uint64_t fail_at = ~std::uint64_t{0};

 private:
  std::uint64_t units_;
};

class Write : public testing::Test {
 protected:
  std::uint64_t write(const std::vector<NamedTensor>& tensors, const WriteOptions& options = {.overwrite = true}) {
    return write_safetensors(path_, tensors, metadata_, options);
  }
  // Writes with one thread and with three, and compares with what the tensors themselves say.
  void check(const std::vector<NamedTensor>& tensors) {
    const std::string wanted = expected(tensors, metadata_);
    for (const unsigned threads : {1U, 3U}) {
      EXPECT_EQ(write(tensors, {.overwrite = true, .threads = threads}), wanted.size());
      EXPECT_TRUE(test::read_file(path_) == wanted) << threads << " threads";
    }
  }

  test::Folder folder_;
  std::string path_ = folder_ / "out.safetensors";
  Metadata metadata_{{"2.0", "KVCache"}};
};

TEST_F(Write, EmptyFilesAndEmptyTensors) {
  check({});
  check({{"0.0", Tensor::zeros(Dtype::F16, {1, 8, 0, 64})}, {"0.1", Tensor::zeros(Dtype::F32, {})}});
}

TEST_F(Write, TensorsOfOddSizesInTheOrderGiven) {
  std::vector<NamedTensor> tensors;
  for (unsigned i = 0; i < 300; ++i) tensors.push_back({std::to_string(999 - i), memory(1 + 7 * i, i)});
  check(tensors);
}

TEST_F(Write, LargeTensorsOfEveryKind) {
  constexpr std::int64_t size = 9'000'001;
  const Tensor data = memory(size);
  const auto computation = std::make_shared<Counting>(2'000'000);
  const Tensor computed = Tensor::computed(computation, 0, Dtype::U8, {8'000'000});
  check({{"a", data},
         {"b", Tensor::zeros(Dtype::F32, {1'500'001})},
         {"c", concatenate({data.slice(0, 5, 4'000'000), Tensor::zeros(Dtype::U8, {3}), computed.slice(0, 2, 3'000'001)}, 0)},
         {"d", computed}});
}

TEST_F(Write, CopiesFromFilesWhetherOrNotOffsetsAgree) {
  // The data of the first file begins at 4096, so "a" stays congruent modulo the page size and "b" does not.
  write({{"a", memory(5'000'000, 1)}, {"b", memory(3'000'001, 2)}});
  const std::string source = folder_ / "source.safetensors";
  std::filesystem::rename(path_, source);
  const SafetensorsFile file = SafetensorsFile::open(source);
  const Tensor a = file.tensor(*file.header().find("a"));
  const Tensor b = file.tensor(*file.header().find("b"));
  check({{"a", a}, {"x", memory(1)}, {"b", b}, {"c", a.reshape({5000, 1000}).slice(1, 100, 900)}});

  const test::Replaced fault(
      &detail::Syscalls::copy_file_range, +[](int, off_t, int, off_t, std::size_t) -> ssize_t { return errno = EXDEV, -1; });
  check({{"a", a}, {"b", b}});
}

TEST_F(Write, KernelCopiesThatEndEarlyAreContinued) {
  write({{"a", memory(5'000'000)}});
  const std::string source = folder_ / "source.safetensors";
  std::filesystem::rename(path_, source);
  const SafetensorsFile file = SafetensorsFile::open(source);
  const test::Replaced fault(
      &detail::Syscalls::copy_file_range, +[](int in, off_t in_offset, int out, off_t out_offset, std::size_t size) -> ssize_t {
        if (in_offset > 1'000'000) return 0;
        std::string part(std::min<std::size_t>(size, 70'001), '\0');
        if (pread(in, part.data(), part.size(), in_offset) < 0) return -1;
        return pwrite(out, part.data(), part.size(), out_offset);
      });
  check({{"a", file.tensor(file.header().tensors.at(0))}});
}

TEST_F(Write, ComputesEachUnitOnceForAllOutputs) {
  constexpr std::int64_t units = 1'000'003;
  const auto computation = std::make_shared<Counting>(units);
  const std::vector<NamedTensor> tensors{{"codes", Tensor::computed(computation, 0, Dtype::U32, {units})},
                                         {"between", memory(100)},
                                         {"scales", Tensor::computed(computation, 1, Dtype::U8, {units})},
                                         {"again", Tensor::computed(computation, 0, Dtype::U32, {units})}};
  write(tensors, {.overwrite = true, .threads = 2});
  EXPECT_EQ(computation->evaluated, static_cast<std::uint64_t>(units));
  EXPECT_TRUE(test::read_file(path_) == expected(tensors, metadata_));
}

TEST_F(Write, ReportsTheSameFailureWithAnyNumberOfThreads) {
  const auto computation = std::make_shared<Counting>(4'000'000);
  computation->fail_at = 3'000'000;
  const std::vector<NamedTensor> tensors{{"codes", Tensor::computed(computation, 0, Dtype::U32, {4'000'000})}};
  for (const unsigned threads : {1U, 4U}) {
    const auto error = test::error_of([&] { write(tensors, {.threads = threads}); });
    EXPECT_STREQ(error->what(), "unit 3000000");
    EXPECT_TRUE(folder_.names().empty());
  }
}

TEST_F(Write, GzipHoldsTheSameBytes) {
  const std::vector<NamedTensor> tensors{{"a", memory(3'000'001)}, {"b", Tensor::zeros(Dtype::F16, {2'000'000})}};
  const std::uint64_t size = write(tensors, {.gzip = true});
  EXPECT_EQ(size, std::filesystem::file_size(path_));
  EXPECT_LT(size, 4'000'000U);
  const SafetensorsFile file = SafetensorsFile::open(path_);
  EXPECT_TRUE(file.gzip());
  EXPECT_EQ(file.header().file_bytes, expected(tensors, metadata_).size());
  for (const NamedTensor& named : tensors) {
    EXPECT_TRUE(read_all(file.tensor(*file.header().find(named.key))) == read_all(named.tensor)) << named.key;
  }
  EXPECT_EQ(test::read_file(path_)[9], '\xFF') << "no operating system named: the same bytes everywhere";
}

TEST_F(Write, RefusesToReplaceUnlessAsked) {
  test::write_file(path_, "old");
  EXPECT_EQ(test::error_of([&] { write({}, {}); })->kind(), ErrorKind::usage);
  EXPECT_EQ(test::read_file(path_), "old");
}

TEST_F(Write, AFileMayBeReplacedByWhatWasReadFromIt) {
  write({{"a", memory(5'000'000)}});
  const SafetensorsFile file = SafetensorsFile::open(path_);
  const Tensor half = file.tensor(*file.header().find("a")).slice(0, 2'500'000, 5'000'000);
  const std::string wanted = expected({{"a", half}}, metadata_);
  write({{"a", half}}, {.overwrite = true, .keep_mode_of = path_});
  EXPECT_TRUE(test::read_file(path_) == wanted);
}

TEST_F(Write, TellsProgressFromOneThreadAtATimeUpToTheEnd) {
  std::atomic<int> inside{0};
  std::uint64_t last = 0;
  const Progress progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(++inside, 1);
    EXPECT_EQ(total, 40'000'000U);
    EXPECT_GT(done, last);
    last = done;
    --inside;
  };
  write({{"a", Tensor::zeros(Dtype::U8, {40'000'000})}}, {.threads = 3, .progress = progress});
  EXPECT_EQ(last, 40'000'000U);
}

TEST_F(Write, StopsOnRequestAndLeavesNothing) {
  for (const bool gzip : {false, true}) {
    stop_requested() = 2;
    EXPECT_EQ(test::error_of([&] { write({{"a", memory(100)}}, {.gzip = gzip}); })->kind(), ErrorKind::interrupted);
    stop_requested() = 0;
    EXPECT_TRUE(folder_.names().empty());
  }
}

TEST_F(Write, IsCompleteOrAbsentWhicheverCallFails) {
  const SafetensorsFile source = [&] {
    write_safetensors(folder_ / "source", {{"a", memory(600'000)}}, {});
    return SafetensorsFile::open(folder_ / "source");
  }();
  const auto computation = std::make_shared<Counting>(100'000);
  const std::vector<NamedTensor> tensors{{"a", source.tensor(source.header().tensors.at(0))},
                                         {"b", Tensor::computed(computation, 0, Dtype::U32, {100'000})}};
  const std::string wanted = expected(tensors, metadata_);
  for (const bool overwrite : {false, true}) {
    for (int at = 1;; ++at) {
      ASSERT_LT(at, 1000);
      std::filesystem::remove(path_);
      if (overwrite) test::write_file(path_, "old");
      bool threw = false;
      {
        const test::FailingCall fault(at, EIO);
        try {
          write(tensors, {.overwrite = overwrite});
        } catch (const Error&) {
          threw = true;
        }
        if (!fault.happened()) break;
      }
      SCOPED_TRACE("call " + std::to_string(at) + (overwrite ? " when replacing" : ""));
      const std::string text = std::filesystem::exists(path_) ? test::read_file(path_) : "absent";
      if (threw) {
        EXPECT_TRUE(text == (overwrite ? "old" : "absent") || (overwrite && text == wanted));
      } else {
        EXPECT_TRUE(text == wanted);
      }
      EXPECT_EQ(folder_.names(), text == "absent" ? Names{"source"} : (Names{"out.safetensors", "source"}));
    }
  }
}

// A program's own sink: notes what is done to it.
class NotingSink final : public ByteSink {
 public:
  [[nodiscard]] std::string label() const override { return "a noting sink"; }
  void reserve(std::uint64_t size) override { reserved = size; }
  void write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (fail) throw Error(ErrorKind::io, "no room");
    memory.write_at(offset, data);
  }
  void complete(ByteRange range) override { completed += range.size; }
  void commit() override {
    ++commits;
    if (fail_commit) throw Error(ErrorKind::io, "lost");
    memory.commit();
  }
  void abort() noexcept override { ++aborts; }

  MemorySink memory;
  std::uint64_t reserved = 0;
  std::atomic<std::uint64_t> completed{0};
  int commits = 0, aborts = 0;
  bool fail = false, fail_commit = false;
};

std::string text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_F(Write, IntoMemoryGivesTheBytesOfTheFile) {
  const auto computation = std::make_shared<Counting>(2'000'000);
  const std::vector<NamedTensor> tensors{{"a", memory(9'000'001)},
                                         {"codes", Tensor::computed(computation, 0, Dtype::U32, {2'000'000})},
                                         {"z", Tensor::zeros(Dtype::F32, {1000})}};
  for (const bool gzip : {false, true}) {
    write(tensors, {.overwrite = true, .gzip = gzip});
    for (const unsigned threads : {1U, 3U}) {
      MemorySink sink;
      const std::uint64_t size = write_safetensors(sink, tensors, metadata_, {.gzip = gzip, .threads = threads});
      const std::string bytes = text(sink.take());
      EXPECT_EQ(size, bytes.size());
      EXPECT_TRUE(bytes == test::read_file(path_)) << threads << " threads";
    }
  }
}

// The outputs of a computation lie behind each other in the file, which is written from front to back.
TEST_F(Write, GzipComputesOnceWhatHasSeveralOutputs) {
  constexpr std::int64_t units = 700'000;
  const auto computation = std::make_shared<Counting>(units);
  const auto other = std::make_shared<Counting>(units);
  const auto output = [](const std::shared_ptr<Counting>& of, std::size_t k) {
    return k == 0 ? Tensor::computed(of, 0, Dtype::U32, {units}) : Tensor::computed(of, 1, Dtype::U8, {units});
  };
  const std::vector<NamedTensor> tensors{{"a", output(computation, 0)}, {"b", output(other, 1)},       {"c", memory(1000)},
                                         {"d", output(computation, 1)}, {"e", output(computation, 0)}, {"f", output(other, 0)}};
  MemorySink plain;
  write_safetensors(plain, tensors, metadata_);
  const std::string wanted = text(plain.take());
  const auto unzipped = [&] {
    computation->evaluated = other->evaluated = 0;
    write(tensors, {.overwrite = true, .gzip = true});
    const auto source = SafetensorsFile::open(path_).source();
    std::vector<std::byte> bytes(source->size());
    source->read_at(0, bytes);
    return text(bytes);
  };
  EXPECT_TRUE(unzipped() == wanted);
  EXPECT_EQ(computation->evaluated, std::uint64_t{units});
  EXPECT_EQ(other->evaluated, std::uint64_t{units});
}

TEST_F(Write, GzipComputesAgainWhereNothingCanBeKept) {
  const auto computation = std::make_shared<Counting>(100'000);
  const std::vector<NamedTensor> tensors{{"a", Tensor::computed(computation, 0, Dtype::U32, {100'000})},
                                         {"b", Tensor::computed(computation, 1, Dtype::U8, {100'000})}};
  const auto zipped = [&] {
    MemorySink sink;
    write_safetensors(sink, tensors, metadata_, {.gzip = true});
    return text(sink.take());
  };
  const std::string wanted = zipped();
  for (int at = 1;; ++at) {
    ASSERT_LT(at, 100);
    const test::FailingCall fault(at, ENOSPC, true);
    const std::string bytes = at == 1 ? zipped() : [&] {
      try {
        return zipped();
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::io);  // what was kept cannot be read
        return wanted;
      }
    }();
    if (!fault.happened()) break;
    EXPECT_TRUE(bytes == wanted) << "call " << at;
  }
}

TEST_F(Write, ASinkIsToldTheSizeAndCommittedOnce) {
  const std::vector<NamedTensor> tensors{{"a", memory(3'000'000)}};
  NotingSink sink;
  const std::uint64_t size = write_safetensors(sink, tensors, metadata_);
  EXPECT_EQ(sink.reserved, size);
  EXPECT_EQ(sink.completed, 3'000'000U);
  EXPECT_EQ(sink.commits, 1);
  EXPECT_EQ(sink.aborts, 0);
  EXPECT_TRUE(text(sink.memory.take()) == expected(tensors, metadata_));
}

TEST_F(Write, ASinkIsAbortedWhateverFails) {
  const auto attempt = [&](NotingSink& sink, const std::vector<NamedTensor>& tensors) {
    const auto error = test::error_of([&] { write_safetensors(sink, tensors, metadata_); });
    EXPECT_EQ(sink.aborts, 1);
    return std::string(error->what());
  };
  NotingSink full;
  full.fail = true;
  EXPECT_EQ(attempt(full, {{"a", memory(1)}}), "no room");
  NotingSink lost;
  lost.fail_commit = true;
  EXPECT_EQ(attempt(lost, {{"a", memory(1)}}), "lost");
  NotingSink broken;
  const auto computation = std::make_shared<Counting>(10);
  computation->fail_at = 3;
  EXPECT_EQ(attempt(broken, {{"a", Tensor::computed(computation, 0, Dtype::U32, {10})}}), "unit 3");
  EXPECT_EQ(broken.commits, 0);
  NotingSink refused;  // before anything is written
  EXPECT_EQ(attempt(refused, {{"a", memory(1)}, {"a", memory(1)}}), "two tensors have the key 'a'");
  EXPECT_EQ(refused.reserved, 0U);
}

TEST_F(Write, StopsOneCallAndNotTheOthers) {
  const StopToken stop = StopToken::make();
  WriteOptions options{.overwrite = true, .threads = 1};
  options.stop = stop;
  // Asked for in the middle: between two pieces.
  options.progress = [&](std::uint64_t, std::uint64_t) { stop.request_stop(); };
  const std::vector<NamedTensor> tensors{{"a", Tensor::zeros(Dtype::U8, {40'000'000})}};
  for (const bool gzip : {false, true}) {
    options.gzip = gzip;
    EXPECT_EQ(test::error_of([&] { write(tensors, options); })->kind(), ErrorKind::interrupted);
    EXPECT_TRUE(folder_.names().empty());
  }
  write(tensors);
  EXPECT_EQ(folder_.names(), Names{"out.safetensors"});
}

TEST_F(Write, SourcesAreToldWhatWillBeRead) {
  class Slow final : public ByteSource {
   public:
    [[nodiscard]] std::string label() const override { return "slow"; }
    [[nodiscard]] std::uint64_t size() const override { return 1000; }
    void read_at(std::uint64_t, std::span<std::byte>) const override {}
    void will_need(std::span<const ByteRange> ranges) const override { told.assign(ranges.begin(), ranges.end()); }
    mutable std::vector<ByteRange> told;
  };
  const auto slow = std::make_shared<Slow>();
  const Tensor rows = Tensor::stored(slow, 100, Dtype::U8, {4, 100});
  write({{"a", rows.slice(1, 0, 10)}, {"b", memory(3)}, {"c", Tensor::stored(slow, 410, Dtype::U8, {5})}});
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  for (const ByteRange& range : slow->told) told.emplace_back(range.offset, range.size);
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> wanted{{100, 10}, {200, 10}, {300, 10}, {400, 15}};
  EXPECT_EQ(told, wanted) << "neighbours joined";
}

}  // namespace
}  // namespace kvcache

// Reading: computed tensors, integers, several threads.
#include <gtest/gtest.h>

#include <thread>

#include "twins.h"

namespace test {
namespace {

// 6 units with 8 bytes of codes and 4 of scales each, as a quantization has.
std::shared_ptr<FakeComputation> codes_and_scales() {
  return std::make_shared<FakeComputation>(6, std::vector<Bytes>{some_bytes(48, 1), some_bytes(24, 2)});
}

TEST(Read, EveryOutputOfAComputation) {
  const auto computation = codes_and_scales();
  EXPECT_EQ(read_all(Tensor::computed(computation, 0, Dtype::U32, {6, 2})), some_bytes(48, 1));
  EXPECT_EQ(read_all(Tensor::computed(computation, 1, Dtype::F16, {2, 3, 2})), some_bytes(24, 2));
  EXPECT_EQ(computation->wanted, computation->calls) << "only the output that is read is asked for";
}

TEST(Read, AnyRangeOfAComputation) {
  const auto computation = codes_and_scales();
  const Tensor codes = Tensor::computed(computation, 0, Dtype::U8, {6, 8});
  const Bytes expected = some_bytes(48, 1);
  for (std::size_t begin = 0; begin <= 48; ++begin) {
    for (std::size_t end = begin; end <= 48; ++end) {
      Bytes part(end - begin);
      codes.read(begin, part);
      ASSERT_TRUE(std::equal(part.begin(), part.end(), expected.begin() + static_cast<std::ptrdiff_t>(begin)))
          << begin << ".." << end;
    }
  }
}

TEST(Read, OnlyTheUnitsThatAreNeeded) {
  const auto computation = codes_and_scales();
  Bytes part(8);
  Tensor::computed(computation, 0, Dtype::U8, {6, 8}).slice(0, 2, 3).read(0, part);
  EXPECT_EQ(computation->calls, 1U);
  EXPECT_EQ(computation->largest, 1U);
}

TEST(Read, LongComputationsRunInTiles) {
  const auto computation = std::make_shared<FakeComputation>(1000, std::vector<Bytes>{some_bytes(4000)}, 8192);
  EXPECT_EQ(read_all(Tensor::computed(computation, 0, Dtype::F32, {1000})), some_bytes(4000));
  EXPECT_EQ(computation->largest, 32U) << "256 KiB of input at a time";
}

TEST(Read, UnitsLargerThanATileAreComputedOneByOne) {
  const auto computation = std::make_shared<FakeComputation>(3, std::vector<Bytes>{some_bytes(12)}, 1U << 30U);
  EXPECT_EQ(read_all(Tensor::computed(computation, 0, Dtype::F32, {3})), some_bytes(12));
  EXPECT_EQ(computation->largest, 1U);
}

TEST(Read, MixesAllKindsOfExtents) {
  const Tensor computed = Tensor::computed(codes_and_scales(), 1, Dtype::U8, {6, 4}).slice(1, 1, 3);
  const Tensor memory = Tensor::of_bytes(Dtype::U8, {6, 1}, some_bytes(6));
  const Bytes bytes = read_all(concatenate({computed, memory}, 1).pad(0, 0, 1));
  ASSERT_EQ(bytes.size(), 21U);
  EXPECT_EQ(bytes[3], some_bytes(24, 2)[5]);
  EXPECT_EQ(bytes[5], some_bytes(6)[1]);
  EXPECT_EQ(bytes[20], std::byte{0});
}

TEST(Read, IntegersOfBothWidths) {
  EXPECT_EQ(Tensor::of_i32(std::vector<std::int32_t>{5, -3}).integers(), (Ints{5, -3}));
  const Ints wide{-1, std::int64_t{1} << 40};
  const auto bytes = std::as_bytes(std::span(wide));
  EXPECT_EQ(Tensor::of_bytes(Dtype::I64, {2}, {bytes.begin(), bytes.end()}).integers(), wide);
  EXPECT_EQ(Tensor::zeros(Dtype::I32, {0}).integers(), Ints{});
}

TEST(Read, AnErrorOfTheSourceComesThrough) {
  class Shrunken final : public kvcache::ByteSource {
    [[nodiscard]] std::string label() const override { return "a file"; }
    [[nodiscard]] std::uint64_t size() const override { return 100; }
    void read_at(std::uint64_t, std::span<std::byte>) const override {
      throw kvcache::Error(kvcache::ErrorKind::io, "the file has become shorter");
    }
  };
  const Tensor t = Tensor::stored(std::make_shared<Shrunken>(), 0, Dtype::U8, {100});
  EXPECT_THROW(read_all(t.slice(0, 10, 20)), kvcache::Error);
}

TEST(Read, TheTensorKeepsWhatItNeedsAlive) {
  Tensor t;
  {
    const Tensor base = Tensor::of_bytes(Dtype::U8, {2, 3}, some_bytes(6));
    t = concatenate({base.roll(1, 1), base}, 0).slice(0, 2, 4);
  }
  EXPECT_EQ(read_all(t), some_bytes(6));
}

TEST(Read, FromSeveralThreadsAtOnce) {
  const Tensor computed = Tensor::computed(codes_and_scales(), 0, Dtype::U8, {6, 8});
  const Tensor t = concatenate({computed.roll(1, 3), Tensor::of_bytes(Dtype::U8, {6, 4}, some_bytes(24))}, 1).pad(1, 1, 1);
  const Bytes expected = read_all(t);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 200; ++repeat) wrong += read_all(t) == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace test

// The kernel against zlib, whose tables are the oracle, with every instruction set.
#include "stamp/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstddef>
#include <random>
#include <span>
#include <vector>

#include "tensor/every_target.h"

namespace kvcache {
namespace {

std::uint32_t oracle(std::uint32_t crc, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::vector<std::byte> random_bytes(std::size_t size) {
  std::mt19937 random(7);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(Crc32, KnownValue) {
  const std::string_view text = "123456789";
  test::on_every_target(
      [&] { EXPECT_EQ(detail::crc32_after(0, std::as_bytes(std::span(text.data(), text.size()))), 0xCBF43926); });
}

TEST(Crc32, EveryLengthAndAlignment) {
  const std::vector<std::byte> bytes = random_bytes(700);
  test::on_every_target([&] {
    for (std::size_t begin = 0; begin < 17; ++begin)
      for (std::size_t size = 0; size + begin <= bytes.size(); size += size < 300 ? 1 : 13) {
        const auto part = std::span(bytes).subspan(begin, size);
        ASSERT_EQ(detail::crc32_after(0, part), oracle(0, part)) << begin << " " << size;
        ASSERT_EQ(detail::crc32_after(0xDEADBEEF, part), oracle(0xDEADBEEF, part)) << begin << " " << size;
      }
  });
}

TEST(Crc32, LargeAndContinued) {
  std::vector<std::byte> bytes = random_bytes((1U << 20U) + 5);
  test::on_every_target([&] {
    const std::uint32_t whole = oracle(0, bytes);
    EXPECT_EQ(detail::crc32_after(0, bytes), whole);
    for (const std::size_t cut : {1U, 63U, 64U, 65U, 4096U, 1048576U}) {
      const std::uint32_t first = detail::crc32_after(0, std::span(bytes).first(cut));
      EXPECT_EQ(detail::crc32_after(first, std::span(bytes).subspan(cut)), whole) << cut;
    }
  });
  // One bit is seen wherever it is.
  for (const std::size_t at : {0U, 15U, 16U, 63U, 64U, 524288U, 1048579U}) {
    const std::uint32_t before = detail::crc32_after(0, bytes);
    bytes[at] ^= std::byte{1};
    EXPECT_NE(detail::crc32_after(0, bytes), before) << at;
    bytes[at] ^= std::byte{1};
  }
}

}  // namespace
}  // namespace kvcache

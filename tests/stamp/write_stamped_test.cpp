// Checksums of what passes by on its way into a file, and a header that comes after it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <span>

#include "kvcache/encode.h"
#include "kvcache/error.h"
#include "stamp/stamp_draft.h"
#include "support/errors.h"
#include "support/folder.h"

namespace kvcache {
namespace {

constexpr std::string_view entry = "1.kvcache_stamp";

std::vector<std::byte> stamped_bytes(std::size_t size) {
  std::vector<std::uint32_t> words(size / sizeof(std::uint32_t) + 1);
  std::generate(words.begin(), words.end(), std::mt19937(7));
  const auto bytes = std::as_bytes(std::span(words)).first(size);
  return {bytes.begin(), bytes.end()};
}

Tensor bytes_as_tensor(std::size_t size) {
  return Tensor::of_bytes(Dtype::U8, {static_cast<std::int64_t>(size)}, stamped_bytes(size));
}

/// Arrays that are cut by the pieces of a pass, that lie within one, that are empty, and that are holes.
Encoded arrays() {
  const Tensor large = bytes_as_tensor(9'000'001);
  const Tensor hole = Tensor::zeros(Dtype::F16, {3, 1 << 20});
  return {.tensors = {{"0.0", bytes_as_tensor(1)},
                      {"0.1", large},
                      {"1.0", Tensor::zeros(Dtype::F16, {0})},
                      {"1.1", hole},
                      {"2.0", concatenate({large.slice(0, 5, 700'000), Tensor::zeros(Dtype::U8, {1'000'003}), large}, 0)},
                      {"2.1", bytes_as_tensor(4096)}},
          .metadata = {},
          .warnings = {}};
}

detail::StampDraft draft_for(Encoded& encoded, const PromptCache& cache = {}) {
  StampRequest request;
  request.time = "2026-01-01T00:00:00Z";
  request.tool = "test";
  detail::StampDraft draft = detail::draft_stamp(cache, encoded, request);
  encoded.metadata[std::string(entry)] = to_json(draft.stamp);
  return draft;
}

TEST(WriteStamped, SumsAreThoseOfASecondReading) {
  const test::Folder folder;
  for (const unsigned threads : {1U, 3U}) {
    Encoded encoded = arrays();
    detail::StampDraft draft = draft_for(encoded);
    const std::string path = folder / "stamped.safetensors";
    const std::uint64_t bytes = detail::write_stamped(path, encoded, draft, {.overwrite = true, .threads = threads});
    EXPECT_EQ(draft.stamp.crc32, checksums(encoded.tensors));

    // The same file as with sums that were known before.
    encoded.metadata[std::string(entry)] = to_json(draft.stamp);
    const std::string other = folder / "known.safetensors";
    EXPECT_EQ(write_safetensors(other, encoded.tensors, encoded.metadata, {.overwrite = true}), bytes);
    EXPECT_EQ(test::read_file(path), test::read_file(other));
    EXPECT_EQ(parse_stamp(SafetensorsFile::open(path).header().metadata.at(std::string(entry))).crc32, draft.stamp.crc32);
  }
}

/// Counts what is read of it.
class CountedSource final : public ByteSource {
 public:
  explicit CountedSource(std::vector<std::byte> bytes) : bytes_(memory_source(std::move(bytes))) {}
  [[nodiscard]] std::uint64_t size() const override { return bytes_->size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    read_ += out.size();
    bytes_->read_at(offset, out);
  }
  [[nodiscard]] std::string label() const override { return "counted"; }
  [[nodiscard]] std::uint64_t read() const { return read_; }

 private:
  std::shared_ptr<const ByteSource> bytes_;
  mutable std::atomic<std::uint64_t> read_ = 0;
};

TEST(WriteStamped, ReadsEveryByteOnce) {
  const test::Folder folder;
  const auto source = std::make_shared<CountedSource>(stamped_bytes(9'000'000));
  Encoded encoded{.tensors = {{"0.0", Tensor::stored(source, 0, Dtype::U8, {9'000'000})}}, .metadata = {}, .warnings = {}};
  detail::StampDraft draft = draft_for(encoded);
  (void)detail::write_stamped(folder / "once.safetensors", encoded, draft, {});
  EXPECT_EQ(source->read(), source->size());
}

TEST(WriteStamped, LeavesNothingWhereDataAreNotThoseOfTheEarlierStamp) {
  const test::Folder folder;
  Encoded encoded = arrays();
  Stamp earlier;
  earlier.crc32 = checksums(encoded.tensors);
  earlier.crc32->at("2.1") ^= 1;
  PromptCache cache;
  cache.metadata[std::string(stamp_key)] = to_json(earlier);
  detail::StampDraft draft = draft_for(encoded, cache);
  const std::string path = folder / "kept.safetensors";
  test::write_file(path, "as it was");
  const auto error = test::error_of([&] { (void)detail::write_stamped(path, encoded, draft, {.overwrite = true}); });
  EXPECT_EQ(error->kind(), ErrorKind::impossible);
  EXPECT_EQ(test::read_file(path), "as it was");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"kept.safetensors"});
}

}  // namespace
}  // namespace kvcache

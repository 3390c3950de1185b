// Files that are read from memory, edited and written to memory: the same bytes as by way of the disk, and nothing is asked of
// the file system.
#include <gtest/gtest.h>

#include "kvcache/kvcache.h"
#include "support/errors.h"
#include "support/faults.h"
#include "support/folder.h"

namespace kvcache {
namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string sample(const std::string& name) {
  return test::read_file(std::string(KVCACHE_TESTDATA) + "/golden/models/files/" + name);
}

/// What `edit` makes of a file, in the format of `era`.
std::string edited_in_memory(const std::string& file, const std::function<void(PromptCache&)>& edit, std::optional<Era> era) {
  Document document = decode(SafetensorsFile::open(memory_source(bytes_of(file)), "chat.safetensors"));
  require_sound(document);
  edit(document.cache);
  MemorySink sink;
  save_document(sink, document, era);
  return text(sink.take());
}

std::string edited_on_disk(const std::string& file, const std::function<void(PromptCache&)>& edit, std::optional<Era> era) {
  test::Folder folder;
  test::write_file(folder / "in", file);
  Document document = read_sound_document(folder / "in");
  edit(document.cache);
  save_document(folder / "out", document, era);
  return test::read_file(folder / "out");
}

struct Edit {
  const char* name;
  std::function<void(PromptCache&)> edit;
  std::optional<Era> era;
};

void quantize_to_four_bits(PromptCache& cache) {
  QuantizeRequest request;
  request.bits = 4;
  request.group_size = 32;
  quantize_prompt_cache(cache, request);
}

TEST(Memory, EditsAreThoseOfFilesWithoutAFileSystem) {
  const Edit edits[] = {
      {"trim", [](PromptCache& cache) { trim_prompt_cache(cache, 5); }, {}},
      {"convert", [](PromptCache& cache) { cast_prompt_cache(cache, Dtype::BF16, false); }, Era::S4},
      {"quantize", quantize_to_four_bits, {}},
  };
  const std::string file = sample("llama-f16.safetensors");
  for (const Edit& e : edits) {
    SCOPED_TRACE(e.name);
    const std::string wanted = edited_on_disk(file, e.edit, e.era);
    std::string got;
    {
      // The first call of the system would be counted, and fail.
      const test::FailingCall none(1, EIO, true);
      got = edited_in_memory(file, e.edit, e.era);
      EXPECT_FALSE(none.happened());
    }
    EXPECT_TRUE(got == wanted) << got.size() << " bytes instead of " << wanted.size();
    EXPECT_FALSE(got == file);
  }
}

TEST(Memory, WhatCannotBeSavedLeavesNothing) {
  Document document = decode(SafetensorsFile::open(memory_source(bytes_of(sample("llama-f16.safetensors")))));
  document.cache.layers.front() = std::make_unique<ChunkedKVCache>(8);  // a layer that mlxrs cannot store unused
  MemorySink sink;
  EXPECT_EQ(test::error_of([&] { save_document(sink, document, Era::R1); })->kind(), ErrorKind::impossible);
  EXPECT_THROW((void)sink.take(), Error);
}

TEST(Memory, ReadingIsStoppedByItsCallAlone) {
  const Document document = decode(SafetensorsFile::open(memory_source(bytes_of(sample("llama-f16.safetensors")))));
  const StopToken stop = StopToken::make();
  stop.request_stop();
  const auto kind = [](const auto& call) { return test::error_of(call)->kind(); };
  StatsOptions stats;
  stats.stop = stop;
  EXPECT_EQ(kind([&] { (void)statistics(document.cache, stats); }), ErrorKind::interrupted);
  CompareOptions comparison;
  comparison.stop = stop;
  EXPECT_EQ(kind([&] { (void)compare(document.cache, document.cache, comparison); }), ErrorKind::interrupted);
  VerifyOptions verify;
  verify.stop = stop;
  EXPECT_EQ(kind([&] { (void)check_data(document, verify); }), ErrorKind::interrupted);
  EXPECT_EQ(kind([&] { (void)checksums(encode(document.cache, Era::P4).tensors, 0, {}, stop); }), ErrorKind::interrupted);
  EXPECT_NO_THROW((void)statistics(document.cache));
}

}  // namespace
}  // namespace kvcache

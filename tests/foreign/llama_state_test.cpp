// States of llama.cpp, written here as its builds write them.
#include "foreign/llama_state.h"

#include <gtest/gtest.h>

#include <cstring>

#include "foreign/little_endian.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

std::shared_ptr<const ByteSource> source_of(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return memory_source(std::move(bytes));
}

LlamaState read(std::string_view text) {
  return read_llama_state(*source_of(text));
}

template <typename T>
void put(std::string& out, std::initializer_list<T> values) {
  for (const T value : values) append_le(out, value);
}

std::string sequence_head(std::uint32_t version, std::initializer_list<std::int32_t> ids) {
  std::string out(llama_sequence_magic);
  append_le(out, version);
  append_le(out, static_cast<std::uint32_t>(ids.size()));
  put<std::int32_t>(out, ids);
  return out;
}

void put_cells(std::string& out, std::uint32_t cells, std::int32_t first, std::uint64_t extension = 0) {
  append_le(out, cells);
  for (std::uint32_t i = 0; i < cells; ++i) {
    append_le(out, static_cast<std::int32_t>(first + static_cast<std::int32_t>(i)));
    append_le(out, std::uint32_t{1});
    out.append(extension, '\1');
    append_le(out, std::int32_t{0});
  }
}

void put_rows(std::string& out, std::uint32_t cells, std::int32_t type, std::uint64_t row_bytes) {
  append_le(out, type);
  append_le(out, row_bytes);
  out.append(cells * row_bytes, 'r');
}

void put_transposed(std::string& out, std::uint32_t cells, std::uint32_t rows) {
  append_le(out, std::int32_t{1});
  put<std::uint32_t>(out, {2, rows});
  out.append(std::size_t{2} * rows * cells, 't');
}

struct Memory {
  bool stream_counts = true;
  bool transposed = false;
  bool values = true;
  std::uint64_t extension = 0;
  std::uint32_t layers = 2;
};

void put_attention(std::string& out, std::uint32_t cells, std::int32_t first, const Memory& how = {}) {
  if (how.stream_counts) append_le(out, std::uint32_t{1});
  put_cells(out, cells, first, how.extension);
  put<std::uint32_t>(out, {how.transposed ? 1U : 0U, how.layers});
  for (std::uint32_t i = 0; i < how.layers; ++i) put_rows(out, cells, 8, 34);
  for (std::uint32_t i = 0; how.values && i < how.layers; ++i)
    how.transposed ? put_transposed(out, cells, 32) : put_rows(out, cells, 1, 64);
}

void put_recurrent(std::string& out, std::int32_t position, std::uint32_t model_layers, std::uint32_t stored) {
  put_cells(out, 1, position);
  put<std::uint32_t>(out, {0, model_layers});
  for (std::uint32_t i = 0; i < stored; ++i) put_rows(out, 1, 0, 48);
  for (std::uint32_t i = 0; i < stored; ++i) put_rows(out, 1, 0, 640);
}

TEST(LlamaState, NewLayoutOfOneSequence) {
  std::string text = sequence_head(2, {5, 6, 7});
  put_attention(text, 3, 0);
  const LlamaState state = read(text);
  EXPECT_TRUE(state.sequence);
  EXPECT_TRUE(state.stream_counts);
  EXPECT_EQ(state.problem, "");
  EXPECT_EQ(state.ids, (std::vector<std::int32_t>{5, 6, 7}));
  ASSERT_EQ(state.memories.size(), 1U);
  EXPECT_EQ(state.memories[0].cells, 3U);
  EXPECT_EQ(state.memories[0].last_position, 2);
  EXPECT_EQ(state.memories[0].keys.size(), 2U);
  EXPECT_EQ(ggml_type_name(state.memories[0].keys[0].type), "Q8_0");
  EXPECT_EQ(ggml_type_name(state.memories[0].values[1].type), "F16");
}

TEST(LlamaState, OldLayoutUnderTheSameVersion) {
  std::string text = sequence_head(2, {5, 6, 7});
  put_attention(text, 3, 0, {.stream_counts = false, .transposed = true});
  const LlamaState state = read(text);
  EXPECT_EQ(state.problem, "");
  EXPECT_FALSE(state.stream_counts);
  ASSERT_EQ(state.memories.size(), 1U);
  EXPECT_TRUE(state.memories[0].transposed);
  EXPECT_EQ(state.memories[0].values[0].rows, 32U);
}

TEST(LlamaState, PositionsInTwoDimensionsAndLatentAttention) {
  std::string text = sequence_head(3, {1, 2});
  put_attention(text, 2, 0, {.values = false, .extension = 8});
  const LlamaState state = read(text);
  EXPECT_EQ(state.problem, "");
  ASSERT_EQ(state.memories.size(), 1U);
  EXPECT_TRUE(state.memories[0].values.empty());
}

TEST(LlamaState, SlidingWindowIsASecondMemory) {
  std::string text = sequence_head(2, {1, 2, 3, 4, 5});
  put_attention(text, 5, 0);
  put_attention(text, 2, 3);
  const LlamaState state = read(text);
  EXPECT_EQ(state.problem, "");
  ASSERT_EQ(state.memories.size(), 2U);
  EXPECT_EQ(state.memories[1].first_position, 3);
}

TEST(LlamaState, HybridHasARecurrentMemoryOfSomeLayers) {
  std::string text = sequence_head(2, {1, 2, 3});
  put_attention(text, 3, 0);
  put_recurrent(text, 2, 8, 6);
  const LlamaState state = read(text);
  EXPECT_EQ(state.problem, "");
  ASSERT_EQ(state.memories.size(), 2U);
  EXPECT_EQ(state.memories[1].kind, LlamaMemory::Kind::recurrent);
  EXPECT_EQ(state.memories[1].keys.size(), 6U);
}

TEST(LlamaState, WholeContextWithAndWithoutOutputs) {
  for (const bool outputs : {false, true}) {
    std::string text(llama_session_magic);
    put<std::uint32_t>(text, {9, 2});
    put<std::int32_t>(text, {1, 2});
    append_le(text, std::uint32_t{5});
    text += "llama";
    if (outputs) {
      append_le(text, std::uint32_t{1});
      append_le(text, std::int32_t{0});
      append_le(text, std::uint64_t{4});
      text.append(16, 'l');
      append_le(text, std::uint64_t{0});
    }
    put_attention(text, 2, 0);
    const LlamaState state = read(text);
    EXPECT_EQ(state.problem, "");
    EXPECT_EQ(state.architecture, "llama");
    EXPECT_EQ(state.outputs, outputs);
    EXPECT_EQ(state.memories.size(), 1U);
  }
}

TEST(LlamaState, ListOfTheServer) {
  std::string text = sequence_head(2, {-1, 1, 2, 70, 71, 0});
  put_attention(text, 2, 0);
  EXPECT_EQ(read(text).ids, (std::vector<std::int32_t>{70, 71}));
}

TEST(LlamaState, CheckpointsBehindIt) {
  std::string text = sequence_head(2, {1, 2});
  put_attention(text, 2, 0);
  text += "SCKPand more";
  const LlamaState state = read(text);
  EXPECT_EQ(state.problem, "");
  EXPECT_EQ(state.extension_bytes, 12U);
}

TEST(LlamaState, CutOffAnywhere) {
  std::string text = sequence_head(2, {1, 2, 3});
  const std::size_t ids_end = text.size();
  put_attention(text, 3, 0);
  const std::size_t keys_end = text.size() - std::size_t{2} * (12 + 3 * 64);
  const std::size_t attention_end = text.size();
  put_recurrent(text, 2, 4, 1);
  for (std::size_t size = 0; size < text.size(); ++size) {
    if (size == attention_end || size == keys_end) continue;  // models without recurrent layers, and without values
    if (size < ids_end)
      EXPECT_THROW(static_cast<void>(read(std::string_view(text).substr(0, size))), Error) << size;
    else
      EXPECT_NE(read(std::string_view(text).substr(0, size)).problem, "") << size;
  }
}

TEST(LlamaState, NumbersThatCannotBe) {
  std::string text = sequence_head(2, {1});
  put<std::uint32_t>(text, {1, 0xFFFFFFFF});
  EXPECT_NE(read(text).problem, "");
  std::string head(llama_sequence_magic);
  put<std::uint32_t>(head, {2, 0xFFFFFFFF});
  EXPECT_THROW(static_cast<void>(read(head)), Error);
}

}  // namespace
}  // namespace kvcache::foreign

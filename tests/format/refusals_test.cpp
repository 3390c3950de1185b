// What an era cannot say, or its loader could not restore, is refused by name; what its own writer loses is a warning.
#include <gtest/gtest.h>

#include "caches.h"
#include "files.h"
#include "kvcache/error.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::cache_of;

/// Message of the refusal of a cache whose last layer is `layer`; the hint must not be empty.
std::string refusal(std::unique_ptr<Cache> layer, Era era, const EncodeOptions& options = {}) {
  PromptCache cache = cache_of(test::plain(), std::move(layer));
  if (cache.layers[1]->class_name().starts_with("Batch")) cache.layers.erase(cache.layers.begin());
  const auto error = test::error_of([&] { (void)encode(cache, era, options); });
  if (!error) return "nothing was thrown";
  EXPECT_EQ(error->kind(), ErrorKind::impossible);
  EXPECT_NE(error->remedy().text(), "") << error->what();
  return error->what();
}

ArraysCache::State padded(std::optional<Int32s> left_padding, std::optional<Int32s> lengths) {
  ArraysCache::State state = test::slots("ss");
  state.left_padding = std::move(left_padding);
  state.lengths = std::move(lengths);
  return state;
}

TEST(Refusals, UnsetSlotsInMlxLm) {
  for (const Era era : {Era::P1, Era::P2, Era::P3, Era::P4})
    EXPECT_EQ(refusal(test::arrays("s-"), era),
              "layer 1 (ArraysCache): slot 1 of 2 is not set, and " + std::string(dialect(era).id) + " has no way to say so");
  // One that is followed by a set one cannot even be dropped.
  EXPECT_EQ(refusal(test::arrays("-s"), Era::P3, {.drop_unset_slots = true}),
            "layer 1 (ArraysCache): slot 0 is not set, and mlx-lm@0.31 has no way to say so");
  EXPECT_EQ(refusal(test::arrays("--"), Era::P3, {.drop_unset_slots = true}),
            "layer 1 (ArraysCache): slot 0 is not set, and mlx-lm@0.31 has no way to say so");
}

TEST(Refusals, RecurrentStateWithoutSlotsInMlxLm) {
  EXPECT_EQ(refusal(test::arrays(""), Era::P3), "layer 1 (ArraysCache): it has no slots, and mlx-lm@0.31 has no way to say so");
}

TEST(Refusals, OffsetsBeyond32BitsAsScalars) {
  const RotatingKVCache::State state{test::keys(), test::values(), 0, test::tokens, std::int64_t{1} << 31, test::tokens, {}};
  EXPECT_EQ(refusal(std::make_unique<RotatingKVCache>(state), Era::P5),
            "layer 1 (RotatingKVCache): 2147483648 does not fit into the 32 bits that are stored");
}

// What is behind an offset is padding there, and would never be missed.
TEST(Refusals, RowsBehindAnOffsetWhereTheyWouldPassForPadding) {
  QuantizedKVCache::State state{test::packed(test::tokens, 3), test::packed(test::tokens, 6), 2, 64, 4};
  EXPECT_EQ(refusal(std::make_unique<QuantizedKVCache>(state), Era::P5),
            "layer 1 (QuantizedKVCache): it has 5 rows but offset 2: the last 3 would be lost");
  EXPECT_EQ(encode(cache_of(std::make_unique<QuantizedKVCache>(state)), Era::P3).tensors.front().tensor.dim(2), 5);
}

TEST(Refusals, TrailingUnsetSlotsMayBeDropped) {
  const Encoded encoded = encode(cache_of(test::arrays("ss--")), Era::P3, {.drop_unset_slots = true});
  EXPECT_EQ(encoded.tensors.size(), 2U);
}

TEST(Refusals, Mlxlm019LoadsRecurrentStateOnlyAsAPair) {
  EXPECT_NE(refusal(test::arrays("sss"), Era::P1).find("MambaCache of two slots"), std::string::npos);
  EXPECT_EQ(encode(cache_of(test::arrays("ss")), Era::P1).metadata.at("2.0"), "MambaCache");
}

TEST(Refusals, ListsWhereChildrenAreForgotten) {
  for (const Era era : {Era::P1, Era::P2})
    EXPECT_EQ(refusal(test::list(test::plain()), era),
              "layer 1 (CacheList): " + std::string(dialect(era).id) + " cannot load a CacheList");
}

TEST(Refusals, AChildIsNamed) {
  EXPECT_NE(refusal(test::list(test::plain(), test::arrays("s-")), Era::P4).find("layer 1 (CacheList) child 1"),
            std::string::npos);
}

TEST(Refusals, UnusedLayers) {
  for (const Era era : {Era::P1, Era::P4, Era::S3})
    EXPECT_NE(refusal(std::make_unique<KVCache>(), era).find("layer 1 (KVCache): the layer was never used"), std::string::npos);
  EXPECT_NE(refusal(std::make_unique<ChunkedKVCache>(8), Era::R1).find("ChunkedKVCache that was never used"),
            std::string::npos);
}

TEST(Refusals, Batches) {
  for (const Era era : {Era::P1, Era::S3, Era::S4}) {
    EXPECT_NE(refusal(test::batch(), era).find("layer 0 (BatchKVCache)"), std::string::npos);
    EXPECT_NE(refusal(test::batch_rotating(), era).find("layer 0 (BatchRotatingKVCache)"), std::string::npos);
  }
}

TEST(Refusals, QuantizationWithoutBiasesInMlxLm) {
  for (const Era era : {Era::P1, Era::P3, Era::P5})
    EXPECT_NE(refusal(test::quantized(false), era).find("without biases"), std::string::npos);
}

TEST(Refusals, ChunkSizeNoneInMlxLm) {
  for (const Era era : {Era::P1, Era::P4, Era::P5})
    EXPECT_NE(refusal(test::chunked(std::nullopt), era).find("chunk size is None"), std::string::npos);
}

TEST(Refusals, TurboQuantOutsideCurrentSwift) {
  for (const Era era : {Era::P3, Era::P5, Era::S3, Era::R1})
    EXPECT_NE(refusal(test::turbo(), era).find("TurboQuantKVCache"), std::string::npos);
}

TEST(Refusals, MoreLeftPaddingsThanSlotsInMlxrs) {
  EXPECT_NE(refusal(test::arrays(padded(Int32s{0, 1, 2}, {})), Era::R1).find("3 left paddings for 2 slots"), std::string::npos);
}

TEST(Refusals, ModelStateUnlessItMayBeDropped) {
  PromptCache cache = cache_of(test::plain());
  cache.model_state.emplace();
  cache.model_state->entries.emplace_back("qwen2vl.ropeDeltas", Tensor::of_i32(Int32s{1}));
  for (const Era era : {Era::P1, Era::P5, Era::S3, Era::R1}) {
    const auto error = test::error_of([&] { (void)encode(cache, era); });
    EXPECT_EQ(error->kind(), ErrorKind::impossible);
    EXPECT_NE(std::string(error->what()).find("qwen2vl.ropeDeltas"), std::string::npos);
    EXPECT_EQ(error->remedy().text(), "repeat(drop_model_state) leaves it out");
    EXPECT_EQ(encode(cache, era, {.drop_model_state = true}).tensors.size(),
              encode(cache_of(test::plain()), era).tensors.size());
  }
}

TEST(Refusals, UnknownClasses) {
  EXPECT_NE(refusal(std::make_unique<OpaqueCache>(OpaqueCache::State{"\x1bWeird", {}, ""}), Era::P3).find("\\x1bWeird"),
            std::string::npos);
}

TEST(Refusals, EmptyListsInMlxLm) {
  EXPECT_NE(refusal(test::list(), Era::P3).find("no children"), std::string::npos);
}

TEST(Refusals, OldErasAreNeverWritten) {
  for (const Era era : {Era::L0, Era::S1, Era::S2})
    EXPECT_EQ(test::error_of([&] { (void)encode(cache_of(test::plain()), era); })->kind(), ErrorKind::usage);
}

TEST(Warnings, PaddingsAndLengthsThatTheErasOwnWriterLosesToo) {
  const auto warnings = [](Era era) {
    return encode(cache_of(test::arrays(padded(Int32s{1}, Int32s{4}))), era).warnings.size();
  };
  EXPECT_EQ(warnings(Era::P1), 2U);
  EXPECT_EQ(warnings(Era::P3), 2U);
  EXPECT_EQ(warnings(Era::R1), 1U);  // it has a place for left paddings
  EXPECT_EQ(warnings(Era::P4), 0U);
  EXPECT_EQ(warnings(Era::S3), 0U);
}

TEST(Warnings, ARequestedWindowElsewhereThanInCurrentSwift) {
  EXPECT_EQ(encode(cache_of(test::rotating("requested")), Era::S3).warnings.size(), 1U);
  EXPECT_EQ(encode(cache_of(test::rotating("requested")), Era::P5).warnings.size(), 1U);
  EXPECT_EQ(encode(cache_of(test::rotating("modelNative")), Era::S3).warnings.size(), 0U);
  EXPECT_EQ(encode(cache_of(test::rotating("requested")), Era::S4).warnings.size(), 0U);
}

TEST(Repair, ChunkedRowsArePaddedToTheTrueOffset) {
  // Eight tokens, of which the first four were dropped, so that four rows are left; a plain sibling knows the eight.
  PromptCache cache =
      cache_of(test::plain(8),
               std::make_unique<ChunkedKVCache>(ChunkedKVCache::State{test::keys(4), test::values(4), 4, 4, std::int64_t{8}}));
  const Encoded encoded = encode(cache, Era::P4);
  EXPECT_EQ(encoded.tensors[2].tensor.shape(), (Shape{1, 2, 8, 4}));
  const test::Folder folder;
  const Document again = test::written(folder, encoded);
  const auto& chunked = dynamic_cast<const ChunkedKVCache&>(*again.cache.layers[1]);
  EXPECT_EQ(chunked.offset(), 8);
  EXPECT_EQ(chunked.valid_rows(), 4);
}

}  // namespace
}  // namespace kvcache

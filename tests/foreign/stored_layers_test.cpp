// What servers store of a layer, held against what its class can be.
#include "foreign/stored_layers.h"

#include <gtest/gtest.h>

#include "kvcache/caches.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

Tensor stored_rows(std::int64_t count, std::int64_t batch = 1) {
  const Shape shape = {batch, 1, count, 4};
  return Tensor::of_bytes(Dtype::F16, shape, std::vector<std::byte>(static_cast<std::size_t>(8 * count * batch)));
}

/// The code of the refusal of a ring, or "legal".
std::string ring(std::int64_t count, const RingFields& fields) {
  try {
    static_cast<void>(ring_layer({"layer 1"}, stored_rows(count), stored_rows(count), fields));
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("layer 1"), std::string::npos) << error.what();
    return error.code().empty() ? "refused" : error.code();
  }
  return "legal";
}

TEST(StoredLayers, ARingIsOneThatItsProgramCouldHave) {
  // keep, max_size, offset, idx
  EXPECT_EQ(ring(8, {0, 8, 20, 4}), "legal");
  EXPECT_EQ(ring(8, {4, 8, 20, 5}), "legal");
  EXPECT_EQ(ring(64, {0, 128, 40, 40}), "legal");  // spare rows
  EXPECT_EQ(ring(8, {4, 8, 20, 3}), "KV414");      // the next token would overwrite a pinned one
  EXPECT_EQ(ring(12, {0, 8, 20, 4}), "KV414");     // only a ring of exactly its size wraps
  EXPECT_EQ(ring(8, {0, 8, 20, 0}), "KV411");      // after a write it is at least 1
  EXPECT_EQ(ring(6, {0, 8, 6, 3}), "KV412");       // nothing is evicted yet
  EXPECT_EQ(ring(64, {0, 128, 40, 20}), "KV412");  // the same with spare rows
  EXPECT_EQ(ring(8, {8, 8, 20, 8}), "KV411");      // no room for new tokens
  EXPECT_EQ(ring(6, {0, 8, 20, 6}), "refused");    // rows of the window are missing
  EXPECT_EQ(ring(8, {0, 8, -1, 8}), "refused");
}

TEST(StoredLayers, ShapesAreThoseOfKeysAndValues) {
  EXPECT_THROW(static_cast<void>(plain_layer({"layer 0"}, stored_rows(4), stored_rows(5), 4)), Error);
  EXPECT_THROW(static_cast<void>(plain_layer({"layer 0"}, stored_rows(4), stored_rows(4, 2), 4)), Error);
  EXPECT_THROW(static_cast<void>(plain_layer({"layer 0"}, stored_rows(4), stored_rows(4), 5)), Error);
  EXPECT_EQ(plain_layer({"layer 0"}, stored_rows(8), stored_rows(8), 5)->size(), 5);
}

}  // namespace
}  // namespace kvcache::foreign

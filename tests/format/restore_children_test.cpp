// Lists of caches that forgot their children, rebuilt from what the user says they were.
#include <gtest/gtest.h>

#include "caches.h"
#include "files.h"
#include "kvcache/error.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::keys;
using test::patterned;
using test::values;

/// A file of one CacheList without children: arrays by their path inside the layer.
class LostList {
 public:
  explicit LostList(std::vector<NamedTensor> arrays) : arrays_(std::move(arrays)) {
    for (NamedTensor& array : arrays_) array.key = "0." + array.key;
  }

  Document restored(std::string_view spec) {
    Document document = lost();
    restore_children(document, spec);
    return document;
  }
  Document lost() { return test::written(folder_, arrays_, {{"0.0", ""}, {"2.0", "CacheList"}}); }
  Error refusal(std::string_view spec) {
    return test::error_of([&] { (void)restored(spec); }).value_or(Error(ErrorKind::io, "nothing was thrown"));
  }

 private:
  test::Folder folder_;
  std::vector<NamedTensor> arrays_;
};

const CacheList& list_in(const Document& document) {
  return dynamic_cast<const CacheList&>(*document.cache.layers[0]);
}

TEST(RestoreChildren, TheFileAloneIsNotEnough) {
  EXPECT_EQ(test::codes_in(LostList({{"0", keys()}, {"1", values()}}).lost().findings), "KV312");
}

TEST(RestoreChildren, StateAndPlainKeys) {
  LostList file(
      {{"0", patterned(Dtype::F32, {1, 3}, 1)}, {"1", patterned(Dtype::F32, {1, 2}, 2)}, {"2", keys()}, {"3", values()}});
  const Document document = file.restored("ArraysCache:2,KVCache");
  EXPECT_TRUE(document.findings.empty());
  EXPECT_TRUE(document.sources[0].decoded);
  ASSERT_EQ(list_in(document).children().size(), 2U);
  const auto& slots = dynamic_cast<const ArraysCache&>(*list_in(document).children()[0]);
  EXPECT_EQ(slots.state().slots.size(), 2U);
  EXPECT_EQ(list_in(document).children()[1]->size(), test::tokens);
  // MambaCache is the same with two slots, and says so.
  EXPECT_EQ(list_in(file.restored("MambaCache,KVCache")).children()[0]->class_name(), "MambaCache");
}

// mlx-lm 0.19 and 0.28 keep a quantized child as two groups of three arrays, early Swift as six in a row.
TEST(RestoreChildren, QuantizedInGroupsOrInARow) {
  const Quantized k = test::packed(test::tokens, 3), v = test::packed(test::tokens, 6);
  LostList nested({{"0.0", k.weights},
                   {"0.1", k.scales},
                   {"0.2", k.biases},
                   {"1.0", v.weights},
                   {"1.1", v.scales},
                   {"1.2", v.biases},
                   {"2", keys()},
                   {"3", values()}});
  LostList flat({{"0", k.weights}, {"1", k.scales}, {"2", k.biases}, {"3", v.weights}, {"4", v.scales}, {"5", v.biases}});
  const Document from_groups = nested.restored("QuantizedKVCache:64,KVCache");
  const Document from_row = flat.restored("QuantizedKVCache:64");
  for (const Document* document : {&from_groups, &from_row}) {
    const auto& state = dynamic_cast<const QuantizedKVCache&>(*list_in(*document).children()[0]).state();
    EXPECT_EQ(state.bits, 4);
    EXPECT_EQ(state.group_size, 64);
    EXPECT_EQ(state.offset, test::tokens);
    EXPECT_EQ(test::bytes_of(state.values.biases), test::bytes_of(v.biases));
  }
  // The widths fix only the ratio of bits to group size: half the group size is twice the bits.
  const Document halved = nested.restored("QuantizedKVCache:32,KVCache");
  EXPECT_EQ(dynamic_cast<const QuantizedKVCache&>(*list_in(halved).children()[0]).state().bits, 8);
  EXPECT_EQ(nested.refusal("QuantizedKVCache:48,KVCache").kind(), ErrorKind::impossible);
}

TEST(RestoreChildren, AWindowNeedsASiblingThatShowsNothingWasEvicted) {
  LostList both({{"0", keys()}, {"1", values()}, {"2", keys()}, {"3", values()}});
  const Document document = both.restored("KVCache,RotatingKVCache:8:2");
  const auto& state = dynamic_cast<const RotatingKVCache&>(*list_in(document).children()[1]).state();
  EXPECT_EQ(state.max_size, 8);
  EXPECT_EQ(state.keep, 2);
  EXPECT_EQ(state.offset, test::tokens);
  EXPECT_EQ(state.idx, test::tokens);
  LostList alone({{"0", keys()}, {"1", values()}});
  EXPECT_EQ(alone.refusal("RotatingKVCache:8").kind(), ErrorKind::impossible);
  EXPECT_NE(std::string(alone.refusal("RotatingKVCache:8").what()).find("its offset is lost"), std::string::npos);
}

TEST(RestoreChildren, RestoredListsCanBeWritten) {
  LostList file({{"0", keys()}, {"1", values()}, {"2", keys()}, {"3", values()}});
  const Encoded encoded = encode(file.restored("KVCache,KVCache").cache, Era::P3);
  EXPECT_EQ(encoded.metadata.at("0.0.0.1"), "KVCache");
  EXPECT_EQ(encoded.tensors[3].key, "0.1.1");
}

TEST(RestoreChildren, SpecsThatMakeNoSense) {
  LostList file({{"0", keys()}, {"1", values()}});
  for (const char* spec :
       {"", "KVCache,", "KVCash", "KVCache:2", "ArraysCache:x", "ArraysCache:-1", "RotatingKVCache", "RotatingKVCache:8:2:1",
        "QuantizedKVCache:64:4", "ArraysCache:99999999999999999999", "ArraysCache:"})
    EXPECT_EQ(file.refusal(spec).kind(), ErrorKind::usage) << spec;
}

TEST(RestoreChildren, ArraysThatDoNotFit) {
  LostList file({{"0", keys()}, {"1", values()}, {"2", patterned(Dtype::F32, {1, 3}, 1)}});
  for (const char* spec : {"KVCache", "KVCache,KVCache", "ArraysCache:4", "ArraysCache:2000000000", "QuantizedKVCache:64",
                           "ArraysCache:1,KVCache"}) {
    EXPECT_EQ(file.refusal(spec).kind(), ErrorKind::impossible) << spec;
    EXPECT_NE(std::string(file.refusal(spec).what()).find("layer 0"), std::string::npos) << file.refusal(spec).what();
  }
}

TEST(RestoreChildren, AFileThatLostNothing) {
  const test::Folder folder;
  Document document = test::written(folder, encode(test::cache_of(test::plain()), Era::P3));
  EXPECT_EQ(test::error_of([&] { restore_children(document, "KVCache"); })->kind(), ErrorKind::usage);
}

// A list inside a list cannot be rebuilt alone; and where a layer is missing, numbers are not places.
TEST(RestoreChildren, BrokenFilesStayBroken) {
  const test::Folder folder;
  Document document = test::written(folder, {{"1.0", keys()}, {"1.1", values()}, {"2.0", keys()}, {"2.1", values()}},
                                    {{"0.1", ""}, {"0.2", ""}, {"2.1", "CacheList"}, {"2.2", "KVCache"}});
  EXPECT_EQ(test::error_of([&] { restore_children(document, "KVCache"); })->kind(), ErrorKind::usage);
  EXPECT_NE(test::codes_in(document.findings).find("KV203"), std::string::npos);
}

}  // namespace
}  // namespace kvcache

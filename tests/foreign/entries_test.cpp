// vllm-mlx and Rapid-MLX: ids, indexes and the SSD tier's names.
#include <gtest/gtest.h>

#include "foreign/entries/entry_folder.h"
#include "foreign/little_endian.h"
#include "foreign/prompt_file.h"
#include "foreign/ssd_tier/ssd_entry.h"
#include "kvcache/error.h"

namespace kvcache::foreign {
namespace {

using entries::Owner;
using Ids = std::vector<std::int32_t>;

template <typename F>
std::string code_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code();
  }
  return "none";
}

TEST(RapidIds, HaveAHeader) {
  const std::string uuid = "0123456789abcdef0123456789abcdef";
  const std::string bytes = entries::tagged_ids(uuid, Ids{1, 2, 3});
  ASSERT_EQ(bytes.size(), 60U);
  EXPECT_EQ(bytes.substr(0, 16), std::string("RMTKBIN1\x03\0\0\0\x20\0\0\0", 16));
  const entries::TaggedIds back = entries::parse_tagged_ids(bytes);
  EXPECT_EQ(back.save_uuid, uuid);
  EXPECT_EQ(back.ids, (Ids{1, 2, 3}));
}

TEST(RapidIds, RefuseWhatIsBehindThemAndWhatIsMissing) {
  const std::string bytes = entries::tagged_ids("u", Ids{1, 2, 3});
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_EQ(code_of([&] { static_cast<void>(entries::parse_tagged_ids(bytes.substr(0, n))); }), "KV907") << n;
  EXPECT_EQ(code_of([&] { static_cast<void>(entries::parse_tagged_ids(bytes + "\1")); }), "KV907");
}

TEST(VllmIds, MayGoOnBehindTheEntry) {
  EXPECT_EQ(entries::parse_plain_ids(ids_le<std::int32_t>(Ids{4, 5, 6}), 2), (Ids{4, 5}));
  EXPECT_EQ(code_of([] { static_cast<void>(entries::parse_plain_ids("abc", 1)); }), "KV907");
}

TEST(EntryIndex, IsOfAVersionThatIsKnown) {
  constexpr std::string_view good = R"({"version":4,"model_fingerprint":"","entries":[{"index":3,"num_tokens":5}]})";
  const entries::EntryIndex index = entries::parse_index(good, Owner::vllm_mlx);
  ASSERT_EQ(index.entries.size(), 1U);
  EXPECT_EQ(index.entries[0].index, 3);
  EXPECT_EQ(code_of([&] { static_cast<void>(entries::parse_index(good, Owner::rapid_mlx)); }), "KV902");
}

TEST(EntryIndex, TornOrWithABadEntryIsNone) {
  for (const std::string_view text :
       {R"({"version":4,"entr)", R"({"version":4})", R"({"version":4,"entries":[{"index":-1,"num_tokens":5}]})",
        R"({"version":4,"entries":[{"index":1,"num_tokens":5},{"index":1,"num_tokens":5}]})"})
    EXPECT_EQ(code_of([&] { static_cast<void>(entries::parse_index(text, Owner::vllm_mlx)); }), "KV906") << text;
}

TEST(EntryNames, AreNumbers) {
  EXPECT_EQ(entries::entry_number("entry_12.safetensors", ".safetensors"), 12);
  EXPECT_EQ(entries::entry_number("entry_12_tokens.bin", "_tokens.bin"), 12);
  EXPECT_EQ(entries::entry_number("entry_.safetensors", ".safetensors"), std::nullopt);
  EXPECT_EQ(entries::entry_number("entry_-1.safetensors", ".safetensors"), std::nullopt);
}

TEST(EntryNames, FoldersNameTheModel) {
  EXPECT_EQ(entries::model_of("/x/example--tiny", Owner::vllm_mlx), "example/tiny");
  EXPECT_EQ(entries::model_of("/x/example--tiny--0123456789abcdef", Owner::rapid_mlx), "example/tiny");
}

TEST(SsdTier, HashesIds) {
  EXPECT_EQ(ssd::token_hash(Ids{1, 2, 3, 4, 5}), "4f6addc9659d6fb90fe94b6688a79f2a1fa8d36ec43f8f3e1d9b6528c448a384");
}

TEST(SsdTier, PathsOfAnIndexStayInTheFolder) {
  // A manifest alone: layers that it names are read by their numbers, and no name of it is a path.
  EXPECT_EQ(code_of([] { static_cast<void>(ssd::read_entry("/nowhere", R"({"num_layers":2,"num_tokens":1,"layers":[]})")); }),
            "KV907");
}

TEST(PromptFile, PrefixesAreCommon) {
  EXPECT_EQ(common_prefix(Ids{1, 2, 3}, Ids{1, 2, 4}), 2);
  EXPECT_EQ(common_prefix(Ids{1, 2}, Ids{1, 2, 4}), 2);
  EXPECT_EQ(common_prefix(Ids{}, Ids{1}), 0);
}

}  // namespace
}  // namespace kvcache::foreign

// The rules by which servers name their files, on values that were computed independently of this code.
#include "foreign/names.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

#include "foreign/apc_hash.h"

namespace kvcache::foreign {
namespace {

using Ids = std::vector<std::int32_t>;

Ids from_to(std::int32_t first, std::int32_t last) {
  Ids ids(static_cast<std::size_t>(last - first + 1));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST(Names, Dflash) {
  EXPECT_EQ(dflash_token_hash(Ids{1, 2, 3}), "e2e2033ae7e19d68");
  EXPECT_EQ(dflash_runtime_folder(4, "0.1.7"), "95d2ec3625e03157");
}

TEST(Names, MlxPromptCache) {
  constexpr std::string_view signature = "mlx-community/Qwen3-8B-4bit|bf16|-|1";
  const std::string root = mlxpc_block_hash(signature, "", Ids{1, 2, 3, 4});
  EXPECT_EQ(root, "1d418d80aa2513075b78eb3c037b5171836dba3a948484c97240c716a569cd47");
  EXPECT_EQ(mlxpc_block_hash(signature, root, Ids{5, 6, 7, 8}),
            "55f48b2daf12de7ae52b7ab0af30c21e3143ae563e4a8f595997436cdb5f1fce");
}

TEST(Names, PrefixFolders) {
  EXPECT_EQ(prefix_folder_name("m", 2, 1, std::nullopt, Ids{1, 2, 3}), "f9c5036bb14d50f1");
}

TEST(Names, PrefixFoldersLookAtTheFirstSixteenIds) {
  Ids ids = from_to(1, 20);
  const std::string name = prefix_folder_name("m", 2, 1, std::nullopt, ids);
  ids[17] = 99;
  EXPECT_EQ(prefix_folder_name("m", 2, 1, std::nullopt, ids), name);
  ids[15] = 99;
  EXPECT_NE(prefix_folder_name("m", 2, 1, std::nullopt, ids), name);
}

TEST(Names, Vmlx) {
  EXPECT_EQ(vmlx_block_hash("", Ids{1, 2, 3}), "440df8a120e50f513461d03e0b9899dabd3b604633d613dd3cd9a461038a6ffc");
  EXPECT_EQ(vmlx_prompt_hash(Ids{1, 2, 3}), "a615eeaee21de5179de080de8c3052c8da901138406ba71c38c032845f7d54f4");
}

TEST(Names, Slotstream) {
  EXPECT_EQ(slotstream_stem("ab", Ids{1, 2, 3}), "7fbf2cb74c0f51ad8e524459746e8b73d8c16723");
}

TEST(ApcHash, BlocksByPythonsHash) {
  const std::int64_t root = apc_block_hash(ApcRule::python, 0, from_to(0, 15), 0);
  EXPECT_EQ(root, 8876755861572271858);
  EXPECT_EQ(apc_block_hash(ApcRule::python, root, from_to(16, 31), 0), -5074130642959966348);
}

TEST(ApcHash, BlocksBySha256) {
  const std::int64_t root = apc_block_hash(ApcRule::sha256, 0, from_to(0, 15), 0);
  EXPECT_EQ(root, -8511289229101155341);
  EXPECT_EQ(apc_block_hash(ApcRule::sha256, root, from_to(16, 31), 0), 8973074741229590905);
}

// Computed by CPython 3.11: hash((parent, ids, extra)) where hash() of an integer is not the integer itself.
TEST(ApcHash, PythonHashesIntegersModuloAPrime) {
  EXPECT_EQ(apc_block_hash(ApcRule::python, -1, Ids{0, -1, 2147483647}, 0), -3325666297711297924);
  EXPECT_EQ(apc_block_hash(ApcRule::python, (std::int64_t{1} << 61) - 1, Ids{}, -2), 4214391611633953209);
  EXPECT_EQ(apc_block_hash(ApcRule::python, std::numeric_limits<std::int64_t>::min(), Ids{7}, 9223372036854775807),
            6392265849572677704);
}

TEST(ApcHash, TheRuleIsFoundByItsResult) {
  const Ids ids = from_to(3, 18);
  for (const ApcRule rule : {ApcRule::python, ApcRule::sha256})
    EXPECT_EQ(apc_block_rule(apc_block_hash(rule, 5, ids, 6), 5, ids, 6), rule);
  EXPECT_EQ(apc_block_rule(apc_block_hash(ApcRule::python, 5, ids, 6), 5, ids, 7), std::nullopt);
}

// Of files that the server has written.
TEST(ApcHash, NamesOfFiles) {
  EXPECT_EQ(apc_shard_stem(std::vector<std::int64_t>{3667229960111633546, -1346783754505568923}),
            "shard_087b0208ae2a5ae8b81641c3534529ee");
  EXPECT_EQ(apc_exact_stem(8124768327675066686), "exact_4bd5e951326d659e6434fc0eda817d6e");
  const Ids ids = {19655, 9735,  5617,  19912, 17613, 7523,  28186, 12833, 26374, 17113, 3820,
                   16691, 3728,  18039, 10578, 13309, 23260, 26955, 24575, 25912, 3017,  10512,
                   17019, 13696, 10898, 19077, 8022,  23618, 28393, 11709, 21484, 23946, 13552};
  EXPECT_EQ(apc_exact_hash(0, 16, ids), -8040520930072236031);
}

}  // namespace
}  // namespace kvcache::foreign

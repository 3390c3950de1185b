// omlx: names of blocks, on values that were computed independently of this code, and what a block may not say.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "foreign/omlx/block.h"
#include "foreign/omlx/block_hash.h"
#include "foreign/omlx/folder.h"
#include "foreign/omlx/gdn_sidecar.h"
#include "foreign/omlx/state_codec.h"
#include "foreign/omlx/tokens_file.h"
#include "kvcache/error.h"

namespace kvcache::foreign::omlx {
namespace {

using Ids = std::vector<std::int32_t>;
using Keys = std::vector<std::string>;

constexpr std::string_view root = "80e2d74e52fd0bceb9978eb4cdfca51740b4f7e72c8f95733436594324235537";

TEST(OmlxBlockHash, ChainsModelParentAndIds) {
  EXPECT_EQ(block_hash("m", "", Ids{1, 2, 3, 4}), root);
  EXPECT_EQ(block_hash("m", root, Ids{5, 6, 7, 8}), "b8f85517423daca18ccc75120d32c410507c681ef966bbaabf465da9619c1abb");
}

TEST(OmlxBlockHash, TakesExtraKeys) {
  EXPECT_EQ(block_hash("m", "", Ids{1, 2, 3, 4}, Keys{"img0"}),
            "6355cb6edf0838dcf421c658b09e67f6030edcaa25d48ae64006dd17192c5c65");
}

TEST(OmlxBlockHash, WritesOneIdAsPythonDoes) {
  EXPECT_EQ(block_hash("m", "", Ids{7}), "1f13d89bb25fb3fed149db3adf9a8afbb436b36cdd8edfdf0680a17dc653b7db");
  EXPECT_EQ(tuple_text(Ids{7}), "(7,)");
  EXPECT_EQ(tuple_text(Keys{"it's"}), "(\"it's\",)");
  EXPECT_EQ(tuple_text(Keys{"a'b\"c"}), "('a\\'b\"c',)");
}

TEST(OmlxBlockHash, TerminalsAreBlocksOfEveryLength) {
  const Ids ids{5, 6, 7};
  const std::vector<std::string> hashes = terminal_hashes("m", root, ids);
  ASSERT_EQ(hashes.size(), ids.size());
  for (std::size_t n = 1; n <= ids.size(); ++n)
    EXPECT_EQ(hashes[n - 1], block_hash("m", root, std::span(ids).first(n), Keys{std::string(terminal_key)}));
}

TEST(OmlxFolder, RolesFollowPlaceAndName) {
  const std::string hash(64, 'a');
  EXPECT_EQ(role_of("a/" + hash + ".safetensors"), Role::block);
  EXPECT_EQ(role_of("model/a/" + hash + ".safetensors"), Role::block);
  EXPECT_EQ(role_of("a/" + hash + "_tmp.safetensors"), Role::temporary);
  EXPECT_EQ(role_of("a/." + hash + ".x1.part"), Role::temporary);
  EXPECT_EQ(role_of("_boundary_snapshots/1-2/req/16.safetensors"), Role::temporary);
  EXPECT_EQ(role_of("_gdn_sidecars/" + hash + "/" + hash + ".safetensors"), Role::gdn);
  EXPECT_EQ(role_of("a/" + hash + ".tokens"), Role::tokens);
  EXPECT_EQ(role_of("vision_features/" + hash + ".safetensors"), Role::other);
  EXPECT_EQ(role_of(hash + ".safetensors"), Role::other);
}

TEST(OmlxSidecar, FoldersAreDigestsOfTheSettings) {
  constexpr std::string_view settings =
      R"({"block_size":16,"layer_cache_types":["ArraysCache","KVCache"],"model_name":"example/gdn5i","num_layers":2,"payload_layout":"split_recurrent_v1"})";
  EXPECT_EQ(gdn_folder(settings, "rht_int16"), "8f6f1f102cc5b4a6b3f76cf51682ffd440f9cf2f3d02df0071ca272c39335031");
}

Tensor of(Dtype dtype, Shape shape, const void* data, std::size_t bytes) {
  std::vector<std::byte> copy(bytes);
  std::memcpy(copy.data(), data, bytes);
  return Tensor::of_bytes(dtype, std::move(shape), std::move(copy));
}

std::vector<float> floats(const Tensor& x) {
  std::vector<float> out(static_cast<std::size_t>(x.elements()));
  x.read(0, std::as_writable_bytes(std::span(out)));
  return out;
}

TEST(OmlxCodec, RowsHaveScales) {
  const std::int8_t codes[] = {127, -127, 0, 64};
  const float scales[] = {0.5F, 2.0F};
  const Tensor decoded = decode_state(of(Dtype::I8, {2, 2}, codes, sizeof codes), of(Dtype::F32, {2, 1}, scales, sizeof scales),
                                      {"int8_rowwise_last_axis_v1", "0", 0}, "slot");
  EXPECT_EQ(floats(decoded), (std::vector<float>{63.5F, -63.5F, 0, 128}));
}

TEST(OmlxCodec, RotatingBackIsTheInverse) {
  // A row that is rotated as the server does it: signs first, then H / sqrt(n), which is its own inverse.
  constexpr std::int64_t n = 8;
  const std::vector<bool> signs = rotation_signs("0", n);
  std::vector<double> row;
  for (std::int64_t i = 0; i < n; ++i) row.push_back(signs[static_cast<std::size_t>(i)] ? double(i) : -double(i));
  std::vector<std::int16_t> codes;
  for (std::int64_t r = 0; r < n; ++r) {
    double sum = 0;
    for (std::int64_t c = 0; c < n; ++c)
      sum += (std::popcount(static_cast<std::uint64_t>(r & c)) % 2 != 0 ? -1 : 1) * row[static_cast<std::size_t>(c)];
    codes.push_back(static_cast<std::int16_t>(sum));  // whole numbers: the scale takes the square root
  }
  const float scale = 1 / std::sqrt(float(n));
  const Tensor decoded = decode_state(of(Dtype::I16, {1, n}, codes.data(), 2 * codes.size()), of(Dtype::F32, {1, 1}, &scale, 4),
                                      {"rht_int16_rowwise_last_axis_v1", "0", n}, "slot");
  const std::vector<float> back = floats(decoded);
  for (std::size_t i = 0; i < back.size(); ++i) EXPECT_NEAR(back[i], float(i), 1e-5);
}

TEST(OmlxCodec, RefusesWhatDoesNotFit) {
  const Tensor codes = Tensor::zeros(Dtype::I8, {2, 3});
  const Tensor scales = Tensor::zeros(Dtype::F32, {2, 1});
  EXPECT_THROW(static_cast<void>(decode_state(codes, scales, {"rht_int8_rowwise_last_axis_v1", "0", 3}, "slot")), Error);
  EXPECT_THROW(static_cast<void>(decode_state(codes, std::nullopt, {"int8_rowwise_last_axis_v1", "0", 0}, "slot")), Error);
  EXPECT_THROW(static_cast<void>(decode_state(codes, scales, {"zstd_v1", "0", 0}, "slot")), Error);
}

Metadata block_of(std::string_view hash) {
  return {{"omlx_cache_format_version", "5"},
          {"block_hash", std::string(hash)},
          {"token_count", "16"},
          {"num_layers", "1"},
          {"model_name", "m"},
          {"block_size", "16"},
          {"layer_cache_types", R"(["SizedArraysCache"])"},
          {"layer_meta_states", "[[]]"}};
}

std::string code_of(const Metadata& metadata, std::string_view stem) {
  try {
    static_cast<void>(read_facts(metadata, stem));
  } catch (const Error& error) {
    return error.code();
  }
  return "none";
}

TEST(OmlxBlock, HasTheNameOfItsHash) {
  EXPECT_EQ(code_of(block_of(root), root), "none");
  EXPECT_EQ(code_of(block_of(root), std::string(64, '0')), "KV901");
}

TEST(OmlxBlock, OfAnotherVersionIsNotGuessedAt) {
  Metadata metadata = block_of(root);
  metadata["omlx_cache_format_version"] = "6";
  EXPECT_EQ(code_of(metadata, root), "KV902");
}

TEST(OmlxBlock, WarmClassesAreTheirColdOnes) {
  Metadata warm = block_of(root);
  Metadata cold = warm;
  cold["layer_cache_types"] = R"(["ArraysCache"])";
  EXPECT_TRUE(same_layers(read_facts(warm, root), read_facts(cold, root)));
  cold["layer_cache_types"] = R"(["KVCache"])";
  EXPECT_FALSE(same_layers(read_facts(warm, root), read_facts(cold, root)));
}

TEST(OmlxTokens, AreProvedByTheHash) {
  TokensFile file;
  file.hash = root;
  file.model = "m";
  file.ids = {1, 2, 3, 4};
  EXPECT_TRUE(proving_keys(file, {}).has_value());
  file.ids[2] = 9;
  EXPECT_FALSE(proving_keys(file, {}).has_value());
}

TEST(OmlxTokens, KeysOfImagesComeFromTheirFingerprints) {
  TokensFile file;
  file.hash = block_hash("m", "", Ids{1, 2}, Keys{"img0"});
  file.model = "m";
  file.ids = {1, 2};
  EXPECT_FALSE(proving_keys(file, {}).has_value());
  EXPECT_TRUE(proving_keys(file, Keys{"img0"}).has_value());
  file.media = {"sha256:img0"};
  EXPECT_EQ(proving_keys(file, {}), Keys{"img0"});
}

}  // namespace
}  // namespace kvcache::foreign::omlx

// What repair() makes of files with one fault, and what it leaves alone.
#include "kvcache/repair.h"

#include <gtest/gtest.h>

#include "kvcache/safetensors.h"
#include "kvcache/verify.h"
#include "support/sample.h"

namespace {

using kvcache::Document;
using kvcache::RepairPlan;
using test::ones;
using test::Sample;
using test::zeros;

using Fields = std::vector<std::string>;

/// One line of what was done: "KV426 layer 0: offset 9 becomes 23, ...", "? KV426 layer 1" for what is undecided, "! KV301" for
/// errors that are left. Then what verify says of the file that comes out, which has to be without the findings repaired.
std::string repaired(Sample& sample) {
  const std::string path = sample.write();
  Document document = kvcache::read_document(path);
  const RepairPlan plan = kvcache::repair(document);
  std::string out;
  for (const auto& r : plan.repairs) out += r.code + " " + r.where.text() + ": " + r.message + "\n";
  for (const auto& u : plan.undecided) {
    out += "? " + u.code + " " + u.where.text();
    for (const std::string& choice : u.choices) out += " | " + choice;
    out += "\n";
  }
  for (const auto& f : plan.left)
    if (f.severity == kvcache::Severity::error) out += "! " + f.code + " " + f.where.text() + "\n";
  if (!kvcache::is_repaired(plan)) return out;
  const test::Folder folder;
  const kvcache::Encoded encoded = kvcache::encode_repaired(document, plan);
  kvcache::write_safetensors(folder / "out.safetensors", encoded.tensors, encoded.metadata);
  const kvcache::FileReport report = kvcache::verify_file(folder / "out.safetensors");
  EXPECT_LT(report.status, kvcache::Status::errors) << out;
  for (const auto& r : plan.repairs)
    for (const auto& f : report.findings) EXPECT_FALSE(f.code == r.code && f.where == r.where) << f.message;
  // Nothing is left to repair.
  Document again = kvcache::read_document(folder / "out.safetensors");
  EXPECT_TRUE(kvcache::repair(again).repairs.empty()) << out;
  return out;
}

/// Codes of 4 bits in groups of 32, head dim 64.
Sample& quantized(Sample& sample, const Fields& offset_group_bits, std::int64_t rows = 6) {
  std::vector<kvcache::NamedTensor> arrays;
  for (const char* half : {"0", "1"}) {
    arrays.push_back({std::string(half) + ".0", zeros({1, 2, rows, 8}, kvcache::Dtype::U32)});
    arrays.push_back({std::string(half) + ".1", zeros({1, 2, rows, 2})});
    arrays.push_back({std::string(half) + ".2", zeros({1, 2, rows, 2})});
  }
  return sample.layer("QuantizedKVCache", offset_group_bits, arrays);
}
Sample& plain(Sample& sample, std::int64_t rows, std::int64_t dim = 64) {
  return sample.layer("KVCache", {""}, {{"0", ones({1, 2, rows, dim})}, {"1", ones({1, 2, rows, dim})}});
}
Sample& window(Sample& sample, const Fields& fields, std::int64_t rows) {
  return sample.layer("RotatingKVCache", fields, {{"0", ones({1, 2, rows, 8})}, {"1", ones({1, 2, rows, 8})}});
}
Sample& batched_window(Sample& sample, const Fields& fields, std::int64_t rows, std::vector<std::int32_t> offset,
                       std::vector<std::int32_t> padding) {
  return sample.layer("BatchRotatingKVCache", fields,
                      {{"0", ones({2, 2, rows, 8})},
                       {"1", ones({2, 2, rows, 8})},
                       {"2", kvcache::Tensor::of_i32(offset)},
                       {"3", kvcache::Tensor::of_i32(padding)}});
}
Sample& batch(Sample& sample, std::int64_t rows, std::vector<std::int32_t> offset, std::vector<std::int32_t> padding) {
  return sample.layer("BatchKVCache", {""},
                      {{"0", ones({2, 2, rows, 8})},
                       {"1", ones({2, 2, rows, 8})},
                       {"2", kvcache::Tensor::of_i32(offset)},
                       {"3", kvcache::Tensor::of_i32(padding)}});
}

TEST(Repair, LeavesSoundFilesAlone) {
  Sample sample;
  plain(quantized(sample, {"6", "32", "4"}), 6);
  EXPECT_EQ(repaired(sample), "");
}

TEST(Repair, OffsetThatRowsAndOtherLayersAgreeOn) {
  for (const char* offset : {"4", "0", "9", "-1"}) {
    Sample sample;
    plain(quantized(sample, {offset, "32", "4"}), 6);
    const std::string code = std::string(offset) == "4" || std::string(offset) == "0" ? "KV426" : "KV424";
    EXPECT_EQ(repaired(sample), code + " layer 0: offset " + offset + " becomes 6, as all rows and the other layers have it\n");
  }
}

TEST(Repair, RowsBehindAnOffsetThatOtherLayersAreAt) {
  Sample sample;
  plain(quantized(sample, {"4", "32", "4"}), 4);
  EXPECT_EQ(repaired(sample), "KV426 layer 0: the 2 rows behind offset 4 go, the other layers are at that offset, too\n");
}

TEST(Repair, OffsetInDispute) {
  Sample disputed;
  plain(quantized(quantized(disputed, {"6", "32", "4"}), {"4", "32", "4"}), 5);
  EXPECT_EQ(repaired(disputed),
            "? KV426 layer 1 | offset 6, the number of rows | offset 4, as it is | offset 5, that of layer 2\n");
  Sample alone;
  quantized(alone, {"4", "32", "4"});
  EXPECT_EQ(repaired(alone),
            "? KV426 layer 0 | offset 4 becomes 6: the number of rows | the 2 rows behind offset 4 go: loaders ignore them\n");
  Sample all_alike;
  quantized(quantized(all_alike, {"4", "32", "4"}), {"4", "32", "4"});
  EXPECT_EQ(repaired(all_alike).substr(0, 16), "? KV426 layer 0 ") << "every layer says 4, every row count 6";
}

TEST(Repair, OffsetBehindTheRowsOfASingleLayer) {
  Sample sample;
  quantized(sample, {"9", "32", "4"});
  EXPECT_EQ(repaired(sample), "KV424 layer 0: offset 9 becomes 6, the number of rows\n");
}

TEST(Repair, BitsAndGroupSizeByOtherLayers) {
  Sample pair;
  quantized(quantized(pair, {"6", "32", "8"}), {"6", "32", "4"});
  EXPECT_EQ(repaired(pair), "KV422 layer 0: bits 8 becomes 4, as the arrays and the other layers have it\n");
  Sample group;
  quantized(quantized(group, {"6", "128", "4"}), {"6", "32", "4"});
  EXPECT_EQ(repaired(group), "KV422 layer 0: group_size 128 becomes 32, as the arrays and the other layers have it\n");
  Sample dims;
  plain(quantized(dims, {"6", "64", "4"}), 6);
  EXPECT_EQ(repaired(dims), "KV422 layer 0: group_size 64 becomes 32, as the arrays and the other layers have it\n");
}

TEST(Repair, BitsAndGroupSizeOfASingleLayer) {
  Sample two;  // 4 bits in groups of 32, or 2 in groups of 64
  quantized(two, {"6", "64", "4"});
  EXPECT_EQ(repaired(two),
            "? KV422 layer 0 | bits 4 becomes 2: as the arrays have it | group_size 64 becomes 32: as the arrays have it\n"
            "! KV422 layer 0\n");
  Sample one;
  quantized(one, {"6", "32", "7"});
  EXPECT_EQ(repaired(one), "KV421 layer 0: bits 7 becomes 4, as the arrays have it\n");
}

TEST(Repair, TwoFaultsOfOneLayer) {
  Sample sample;
  plain(quantized(sample, {"4", "32", "8"}), 6);
  EXPECT_EQ(repaired(sample),
            "KV422 layer 0: bits 8 becomes 4, as the arrays and the other layers have it\n"
            "KV426 layer 0: offset 4 becomes 6, as all rows and the other layers have it\n");
}

TEST(Repair, FieldsOfWindows) {
  Sample idx;
  window(window(idx, {"0", "8", "6", "2"}, 6), {"0", "8", "6", "6"}, 6);
  EXPECT_EQ(repaired(idx), "KV412 layer 0: _idx 2 becomes 6, as the other layers have it\n");
  Sample alone;
  window(alone, {"0", "8", "6", "0"}, 6);
  EXPECT_EQ(repaired(alone), "KV411 layer 0: _idx 0 becomes 6, the number of rows: the window has not wrapped\n");
  Sample keep;
  window(window(keep, {"9", "8", "6", "6"}, 6), {"4", "8", "6", "6"}, 6);
  EXPECT_EQ(repaired(keep), "KV411 layer 0: keep 9 becomes 4, as the other layers have it\n");
  Sample offset;
  window(offset, {"0", "8", "3", "6"}, 6);
  EXPECT_EQ(repaired(offset), "KV411 layer 0: offset 3 becomes 6, the number of rows and _idx\n");
  Sample wrapped;
  window(wrapped, {"0", "6", "20", "9"}, 6);
  EXPECT_EQ(repaired(wrapped), "? KV411 layer 0 | any _idx from 1 to 6\n! KV411 layer 0\n");
  Sample lost_rows;
  plain(window(lost_rows, {"0", "8", "20", "6"}, 6), 20);
  EXPECT_EQ(repaired(lost_rows), "! KV413 layer 0\n");
}

TEST(Repair, ChunkThatLoadersMisread) {
  Sample sample;
  sample.layer("ChunkedKVCache", {"8", "14"}, {{"0", ones({1, 2, 8, 8})}, {"1", ones({1, 2, 8, 8})}});
  plain(sample, 20);
  EXPECT_EQ(
      repaired(sample),
      "KV432 layer 0: 8 rows become 20, of which the first 6 hold tokens, the other layers are at offset 20 and 14 tokens "
      "were dropped in front\n");
}

TEST(Repair, BatchesThatDoNotAddUp) {
  Sample offset;
  batch(offset, 6, {99, 6}, {2, 0});
  EXPECT_EQ(repaired(offset), "KV451 layer 0: offset 99 of sequence 0 becomes 4, as the rows have it\n");
  Sample two;
  batch(two, 6, {3, 6}, {2, 0});
  EXPECT_EQ(repaired(two),
            "? KV451 layer 0 | offset 4 and left_padding 2 of sequence 0 | offset 3 and left_padding 3 of sequence 0\n"
            "! KV451 layer 0\n");
  Sample others;
  batch(batch(others, 6, {3, 6}, {2, 0}), 6, {3, 6}, {3, 0});
  EXPECT_EQ(repaired(others),
            "KV451 layer 0: left_padding 2 of sequence 0 becomes 3, as the rows and the other layers have it\n");
}

TEST(Repair, ReloadedRotatedFlag) {
  Sample reloaded;  // False, loaded by mlx-lm and saved again
  batched_window(reloaded, {"8", "6", "6", "True"}, 6, {6, 4}, {0, 2});
  EXPECT_EQ(repaired(reloaded).substr(0, 46), "KV462 layer 0: rotated True becomes False, the");
  Sample full;
  batched_window(full, {"6", "9", "6", "False"}, 6, {9, 7}, {0, 2});
  EXPECT_EQ(repaired(full).substr(0, 46), "KV701 layer 0: rotated False becomes True, in ");
  Sample filling;  // nothing else says the same
  batched_window(filling, {"8", "6", "6", "False"}, 6, {6, 4}, {0, 2});
  EXPECT_EQ(repaired(filling), "");
  Sample inside;  // a flag or an index: the order of the rows is in doubt
  batched_window(inside, {"6", "9", "3", "False"}, 6, {9, 7}, {0, 2});
  EXPECT_EQ(repaired(inside).substr(0, 16), "? KV463 layer 0 ");
}

TEST(Repair, LayerInTheFormOfAnotherRuntime) {
  Sample sample;  // of mlx-swift-lm, but for nested arrays of mlx-lm
  const auto swift = [&] { sample.layer("KVCache", {"x"}, {{"0", ones({1, 2, 6, 64})}, {"1", ones({1, 2, 6, 64})}}); };
  swift();
  quantized(sample, {"256", "6", "32", "4"});
  swift();
  for (auto& [key, value] : sample.metadata)
    if (value == "x") value = "";
  EXPECT_EQ(repaired(sample).substr(0, 34), "KV503 layer 1: its form, that of m");
  Sample undecided;
  undecided.layer("KVCache", {"x"}, {{"0", ones({1, 2, 6, 64})}, {"1", ones({1, 2, 6, 64})}});
  for (auto& [key, value] : undecided.metadata)
    if (value == "x") value = "";
  quantized(undecided, {"256", "6", "32", "4"});
  EXPECT_EQ(repaired(undecided).substr(0, 8), "? KV503 ");
}

TEST(Repair, KeyOutsideTheSections) {
  Sample sample;
  sample.kv();
  sample.metadata["format"] = "mlx";
  EXPECT_EQ(repaired(sample), "KV202 : metadata key 'format' becomes user metadata, where no loader minds it\n");
  sample.metadata["1.format"] = "mine";
  EXPECT_EQ(repaired(sample).substr(0, 8), "? KV202 ");
}

TEST(Repair, NoAnswer) {
  Sample sample;
  sample.kv();
  sample.layer("KVCache", {""}, {{"0", ones({1, 2, 6, 8})}});
  EXPECT_EQ(repaired(sample), "! KV303 layer 1\n");
}

TEST(Repair, CopiesByteForByte) {
  Sample sample;
  sample.kv();
  const std::string path = sample.write();
  const test::Folder folder;
  const auto file = kvcache::SafetensorsFile::open(path);
  kvcache::copy_safetensors(folder / "copy", file);
  EXPECT_EQ(test::read_file(folder / "copy"), test::read_file(path));
  kvcache::copy_safetensors(folder / "packed", file, {.gzip = true});
  kvcache::copy_safetensors(folder / "again", kvcache::SafetensorsFile::open(folder / "packed"));
  EXPECT_EQ(test::read_file(folder / "again"), test::read_file(path));
}

}  // namespace

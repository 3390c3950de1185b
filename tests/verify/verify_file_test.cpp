// Whole reports: status, exit code, order, and what operations do with broken files.
#include <gtest/gtest.h>

#include "kvcache/error.h"
#include "kvcache/verify.h"
#include "support/errors.h"
#include "support/sample.h"

namespace {

using kvcache::Era;
using kvcache::Severity;
using kvcache::Status;
using test::ones;
using test::Sample;

TEST(VerifyFile, SoundFile) {
  const auto report = Sample().kv().kv().verify();
  EXPECT_EQ(report.status, Status::ok);
  EXPECT_FALSE(report.failure);
  ASSERT_NE(report.format, nullptr);
  EXPECT_EQ(report.format->id, "mlx-lm@0.31");
  EXPECT_TRUE(report.findings.empty());
}

TEST(VerifyFile, StatusFollowsTheWorstFinding) {
  Sample warning;
  warning.kv().metadata["1.a.b"] = "x";
  EXPECT_EQ(warning.verify().status, Status::warnings);
  EXPECT_FALSE(warning.verify().failure);

  Sample info;
  info.layer("KVCache", {""}, {{"0", ones({1, 2, 0, 8})}, {"1", ones({1, 2, 0, 8})}});
  EXPECT_EQ(info.verify().status, Status::ok);

  Sample error;
  error.layer("RotatingKVCache", {"8", "8", "20", "8"}, {{"0", ones({1, 2, 8, 8})}, {"1", ones({1, 2, 8, 8})}});
  EXPECT_EQ(error.verify().status, Status::errors);
  EXPECT_FALSE(error.verify().failure);
}

TEST(VerifyFile, UnreadableFiles) {
  const test::Folder folder;
  const auto missing = kvcache::verify_file(folder / "none");
  EXPECT_EQ(test::codes_of(missing.findings), "KV100");
  EXPECT_EQ(missing.failure, kvcache::ErrorKind::io);
  EXPECT_EQ(missing.status, Status::unreadable);

  test::write_file(folder / "text", "hello, this is no safetensors file");
  const auto text = kvcache::verify_file(folder / "text");
  EXPECT_EQ(text.failure, kvcache::ErrorKind::unreadable);
  EXPECT_EQ(text.status, Status::unreadable);
  ASSERT_EQ(test::codes_of(text.findings), "KV103");
  EXPECT_EQ(text.findings[0].where.text(), "header");

  Sample weights;
  weights.tensors.push_back({"model.embed.weight", ones({4, 4})});
  EXPECT_EQ(test::codes_of(weights.verify().findings), "KV122");
  EXPECT_EQ(weights.verify().failure, kvcache::ErrorKind::unreadable);
}

TEST(VerifyFile, FindingsInTheOrderOfTheFile) {
  Sample sample;
  for (int i = 0; i < 12; ++i) sample.kv();
  sample.metadata["2.2"] = sample.metadata["2.10"] = "NoSuchCache";
  sample.metadata["1.a.b"] = "x";
  std::string order;
  for (const auto& finding : sample.verify().findings) order += finding.where.text() + ": " + finding.code + "; ";
  EXPECT_EQ(order, "metadata: KV707; layer 2: KV301; layer 10: KV301; ");
}

TEST(VerifyFile, LoadsInSaysForEveryRuntime) {
  const auto report = Sample().kv().verify();
  EXPECT_TRUE(report.loads_in.at(Era::P3).ok);
  EXPECT_TRUE(report.loads_in.at(Era::R1).ok);
  EXPECT_FALSE(report.loads_in.at(Era::S3).ok);
  EXPECT_FALSE(report.loads_in.contains(Era::S1)) << "formats that nobody is asked to write for";
}

kvcache::VerifyOptions loading_in(const std::vector<Era>& eras) {
  kvcache::VerifyOptions options;
  options.load_in.assign(eras.begin(), eras.end());
  return options;
}

TEST(VerifyFile, ForARuntimeThatRefusesIt) {
  Sample sample;
  sample.kv();
  EXPECT_EQ(sample.verify(loading_in({Era::P3, Era::R1})).status, Status::ok);
  const auto report = sample.verify(loading_in({Era::P3, Era::S3}));
  EXPECT_EQ(report.status, Status::errors);
  ASSERT_EQ(test::codes_of(report.findings), "KV720");
  EXPECT_EQ(report.findings[0].message.substr(0, 18), "mlx-swift-lm@3.31:");
}

TEST(Codes, SeverityComesFromTheTable) {
  EXPECT_EQ(kvcache::detail::make_finding("KV413", kvcache::Where::of_layer(3), "3.0", "message").severity, Severity::error);
  EXPECT_EQ(kvcache::detail::make_finding("KV426", kvcache::Where::of_layer(3), "3.0", "message").severity, Severity::warning);
  EXPECT_EQ(kvcache::detail::make_finding("KV705", kvcache::Where::of_layer(3), "3.0", "message").severity, Severity::info);
}

TEST(Codes, AscendingAndTitled) {
  std::string_view before;
  for (const auto& row : kvcache::finding_codes()) {
    EXPECT_LT(before, row.code);
    EXPECT_FALSE(row.title.empty()) << row.code;
    EXPECT_EQ(kvcache::detail::find_code(row.code), &row);
    before = row.code;
  }
  EXPECT_EQ(kvcache::detail::find_code("KV999"), nullptr);
}

}  // namespace

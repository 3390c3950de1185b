// Releases by their numbers: which era each is of, and what it alone has or lacks.
#include "kvcache/release.h"

#include <gtest/gtest.h>

#include <map>

#include "caches.h"
#include "kvcache/encode.h"
#include "kvcache/error.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::cache_of;

std::string runtime(Era era) {
  const std::string_view id = dialect(era).id;
  return std::string(id.substr(0, id.find('@')));
}

Error refused(std::string_view id) {
  auto error = test::error_of([&] { (void)find_target(id); });
  EXPECT_TRUE(error) << id;
  return error ? *error : Error(ErrorKind::usage, "");
}

TEST(Releases, AreInOrderAndEveryReleasedEraHasSome) {
  std::map<Era, int> count;
  const Release* before = nullptr;
  for (const Release& r : releases()) {
    ++count[r.era];
    EXPECT_EQ(dialect(r.era).family, r.family);
    if (before != nullptr && before->family == r.family) {
      EXPECT_LT(before->version, r.version);
    }
    before = &r;
  }
  for (const Dialect& d : dialects()) EXPECT_EQ(count.contains(d.era), d.released) << d.id;
}

TEST(Releases, EachIsAnId) {
  for (const Release& r : releases()) {
    const std::string version = to_string(r.version);
    const std::string id = runtime(r.era) + "@" + version;
    EXPECT_EQ(find_target(id).era(), r.era) << id;
    EXPECT_EQ(find_target(id).id(), id);
    EXPECT_EQ(find_target(version).id(), id) << "the number alone";
    EXPECT_TRUE(find_target(id).within(r.version, r.version));
  }
}

TEST(Releases, AnEraIsATarget) {
  for (const Dialect& d : dialects()) {
    EXPECT_EQ(find_target(d.id), Target(d.era));
    EXPECT_TRUE(find_target(d.id).whole_era());
  }
  EXPECT_EQ(find_target("mlx-lm@2026-09").id(), "mlx-lm@0.32");
  EXPECT_FALSE(Target(Era::P4).touches({0, 0, 0}, {9, 0, 0})) << "it was in no release";
}

TEST(Releases, NumbersBetweenTheKnownOnes) {
  EXPECT_EQ(find_target("mlx-lm@0.23.2").era(), Era::P1);
  EXPECT_EQ(find_target("mlx-lm@0.30.3").era(), Era::P2);
  EXPECT_EQ(find_target("mlx-lm@0.27").era(), Era::P1) << "a series";
  EXPECT_EQ(find_target("mlx-lm@0.20").era(), Era::P1) << "one without a known release";
  EXPECT_EQ(find_target("mlx-lm@0.29").era(), Era::P2);
  EXPECT_EQ(find_target("mlx-swift-lm@2.29").era(), Era::S1);
}

TEST(Releases, SeriesAreAllTheirReleases) {
  const Target series = find_target("mlx-lm@0.30");
  EXPECT_FALSE(series.within({0, 30, 0}, {0, 30, 5}));
  EXPECT_TRUE(series.touches({0, 30, 5}, {0, 30, 5}));
  EXPECT_TRUE(find_target("mlx-lm@0.29").within({0, 28, 1}, {0, 30, 5}));
}

TEST(Releases, NewerOnesAreRefusedByNameOfTheNewest) {
  for (const std::string_view id : {"mlx-lm@0.45", "mlx-lm@0.32.3", "mlx-lm@1.0"}) {
    EXPECT_EQ(refused(id).kind(), ErrorKind::usage);
    EXPECT_NE(std::string(refused(id).what()).find("newer than 0.32.2"), std::string::npos) << refused(id).what();
    EXPECT_EQ(refused(id).remedy().text().find("did you mean"), std::string::npos);
  }
  EXPECT_NE(std::string(refused("mlx-swift-lm@3.34").what()).find("3.33.0"), std::string::npos);
  EXPECT_NE(std::string(refused("mlxrs@0.2.0").what()).find("0.1.0"), std::string::npos);
  EXPECT_NE(std::string(refused("mlx-lm@0.12").what()).find("older than 0.18.1"), std::string::npos);
}

TEST(Releases, BetweenTwoErasNothingIsGuessed) {
  EXPECT_NE(std::string(refused("mlx-swift-lm@3.32").what()).find("3.31.4"), std::string::npos);
  EXPECT_NE(std::string(refused("mlx-lm@0.30.8").what()).find("0.31.0"), std::string::npos);
  EXPECT_NE(std::string(refused("mlx-lm@0.19.0").what()).find("0.19.1"), std::string::npos);
}

TEST(Releases, WhatIsNoNumberIsUnknown) {
  for (const std::string_view id : {"mlx-lm@", "mlx-lm@0", "mlx-lm@0.031", "mlx-lm@0.31.", "mlx-lm@0.31.3.1", "mlx-lm@0.31rc1",
                                    "", "0.5", "99.0", "@0.31", "mlx-lm@9999999.1"})
    EXPECT_EQ(refused(id).kind(), ErrorKind::usage) << id;
  EXPECT_EQ(refused("mlx-swift@3.31.4").remedy().text(), "did you mean mlx-swift-lm@3.31.4?");
}

std::string class_for(std::string_view id, std::unique_ptr<Cache> layer, std::size_t warnings = 0) {
  const Encoded out = encode(cache_of(std::move(layer)), find_target(id));
  EXPECT_EQ(out.warnings.size(), warnings) << id;
  return out.metadata.at("2.0");
}

TEST(ReleaseEncoding, TwoSlotsAreWhatTheModelsOfTheReleaseAskFor) {
  for (const std::string_view id : {"mlx-lm@0.27", "mlx-lm@0.28.1", "mlx-lm@0.29", "mlx-lm@0.30.0", "mlx-lm@0.30.5"})
    EXPECT_EQ(class_for(id, test::arrays("ss")), "MambaCache") << id;
  for (const std::string_view id : {"mlx-lm@0.30.6", "mlx-lm@0.30.7", "mlx-lm@0.31", "mlx-lm@0.31.0"})
    EXPECT_EQ(class_for(id, test::mamba()), "ArraysCache") << id;
  for (const std::string_view id : {"mlx-lm@0.28", "mlx-lm@0.30"})
    EXPECT_EQ(class_for(id, test::mamba(), 1), "ArraysCache") << id << ": releases differ";
  EXPECT_EQ(class_for("mlx-lm@0.30.0", test::arrays("s")), "ArraysCache") << "one slot";
}

std::string refusal(std::string_view id, std::unique_ptr<Cache> layer) {
  try {
    (void)encode(cache_of(std::move(layer)), find_target(id));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::impossible);
    return error.what();
  }
  return {};
}

TEST(ReleaseEncoding, WhatAReleaseCannotRestoreIsRefused) {
  EXPECT_NE(refusal("mlx-lm@0.30.4", test::arrays("ss")).find("raises in the first step"), std::string::npos);
  EXPECT_EQ(refusal("mlx-lm@0.30.5", test::arrays("ss")), "");
  EXPECT_NE(refusal("mlx-lm@0.22.1", test::chunked()).find("no ChunkedKVCache"), std::string::npos);
  EXPECT_EQ(refusal("mlx-lm@0.24.1", test::chunked()), "");
  EXPECT_NE(refusal("mlx-lm@0.19.1", test::quantized()).find("no QuantizedKVCache"), std::string::npos);
  EXPECT_NE(refusal("mlx-swift-lm@3.31.3", test::quantized()).find("8 bits in groups of 64"), std::string::npos);
  EXPECT_EQ(refusal("mlx-swift-lm@3.31.4", test::quantized()), "");
}

TEST(ReleaseEncoding, MessagesNameTheRelease) {
  EXPECT_NE(refusal("mlx-lm@0.29.1", test::list(test::plain())).find("mlx-lm@0.29.1 cannot load a CacheList"),
            std::string::npos);
}

}  // namespace
}  // namespace kvcache

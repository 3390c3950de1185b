// From one era to another and back: what conversion keeps comes back as it was
// (docs/formats.md, "What conversion keeps").
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "files.h"
#include "kvcache/error.h"
#include "random_cache.h"

namespace kvcache {
namespace {

const std::vector<Era> round_trip_eras = test::writable_eras();

class RoundTrip : public testing::TestWithParam<std::tuple<Era, Era>> {};

TEST_P(RoundTrip, IsTheIdentity) {
  const auto [from, through] = GetParam();
  const test::Folder folder;
  const bool holds = rc::check([&, from = from, through = through] {
    const Encoded before = encode(test::RandomCache(from, through).draw(), from);
    const Document first = test::written(folder, before);
    RC_ASSERT(test::codes_in(first.findings).find("KV3") == std::string::npos);
    const Document second = test::written(folder, encode(first.cache, through));
    const Encoded after = encode(second.cache, from);
    RC_ASSERT(after.metadata == before.metadata);
    RC_ASSERT(test::contents_of(after) == test::contents_of(before));
  });
  EXPECT_TRUE(holds);
}

INSTANTIATE_TEST_SUITE_P(EveryPair, RoundTrip,
                         testing::Combine(testing::ValuesIn(round_trip_eras), testing::ValuesIn(round_trip_eras)),
                         [](const auto& info) {
                           return std::string(dialect(std::get<0>(info.param)).letter) + "_through_" +
                                  std::string(dialect(std::get<1>(info.param)).letter);
                         });

class Written : public testing::TestWithParam<Era> {};

// Offsets and paddings of a batch lie behind its keys and values: those stay on pages, so that copying them stays fast.
TEST_P(Written, HasSmallArraysLast) {
  const auto big = [](unsigned seed) { return test::patterned(Dtype::F16, {2, 2, 64, 16}, seed); };
  PromptCache cache;
  for (unsigned i = 0; i < 3; ++i)
    cache.layers.push_back(std::make_unique<BatchKVCache>(BatchKVCache::State{big(2 * i), big(2 * i + 1), {64, 60}, {0, 4}}));
  std::vector<std::uint64_t> sizes;
  try {
    for (const NamedTensor& named : encode(cache, GetParam()).tensors) sizes.push_back(named.tensor.nbytes());
  } catch (const Error&) {
    GTEST_SKIP() << "holds no batches";
  }
  const auto small = std::find_if(sizes.begin(), sizes.end(), [](std::uint64_t size) { return size < 4096; });
  EXPECT_EQ(small - sizes.begin(), 6);
  EXPECT_TRUE(std::all_of(small, sizes.end(), [](std::uint64_t size) { return size < 4096; }));
}

TEST_P(Written, IsDetectedAndSound) {
  const Era era = GetParam();
  const test::Folder folder;
  const bool holds = rc::check([&] {
    const Document document = test::written(folder, encode(test::RandomCache(era, era).draw(), era));
    RC_ASSERT(document.candidates.has(era));
    RC_ASSERT(document.format != nullptr);
    for (const LayerSource& source : document.sources) RC_ASSERT(source.decoded);
    for (const Finding& finding : document.findings) RC_ASSERT(finding.severity != Severity::error);
  });
  EXPECT_TRUE(holds);
}

INSTANTIATE_TEST_SUITE_P(EveryEra, Written, testing::ValuesIn(round_trip_eras),
                         [](const auto& info) { return std::string(dialect(info.param).letter); });

}  // namespace
}  // namespace kvcache

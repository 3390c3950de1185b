#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kvcache/cache/arrays_cache.h"
#include "support/errors.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::error_of;

using Indices = std::vector<std::int64_t>;

// I32 [values.size()], one number per sequence: the smallest state there is.
Tensor numbers(const Int32s& values) {
  return Tensor::of_i32(values);
}

std::vector<std::int64_t> slot(const ArraysCache& cache, std::size_t index) {
  return cache.state().slots.at(index).integers();
}

ArraysCache with_slots(std::vector<Tensor> slots, std::optional<Int32s> left_padding = std::nullopt,
                       std::optional<Int32s> lengths = std::nullopt) {
  return ArraysCache(ArraysCache::State{std::move(slots), std::move(left_padding), std::move(lengths), false});
}

TEST(ArraysCache, IsEmptyWhileNoSlotIsSet) {
  EXPECT_TRUE(ArraysCache(2).empty());
  EXPECT_FALSE(with_slots({{}, numbers({1})}).empty());
  EXPECT_EQ(ArraysCache(2).batch_size(), std::nullopt);
  EXPECT_EQ(with_slots({{}}, Int32s{1, 2, 3}).batch_size(), 3);
}

TEST(ArraysCache, CannotBeTrimmedOrGivenKeys) {
  ArraysCache cache = with_slots({numbers({1})});
  EXPECT_EQ(cache.why_not_trimmable(), "recurrent state cannot be rolled back");
  EXPECT_EQ(error_of([&] { cache.trim(1); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(error_of([&] { test::append(cache, test::Tokens{1}); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(cache.size(), 0);
  EXPECT_EQ(cache.facts().tokens, std::nullopt);
}

TEST(ArraysCache, FilterTakesSequencesOfEverything) {
  ArraysCache cache = with_slots({numbers({1, 2, 3}), {}}, Int32s{7, 8, 9}, Int32s{4, 5, 6});
  cache.filter(Indices{2, 0});
  EXPECT_EQ(slot(cache, 0), (Indices{3, 1}));
  EXPECT_EQ(cache.state().left_padding, (Int32s{9, 7}));
  EXPECT_EQ(cache.state().lengths, (Int32s{6, 4}));
  EXPECT_EQ(error_of([&] { cache.filter(Indices{2}); })->kind(), ErrorKind::usage);
}

TEST(ArraysCache, ExtendFillsSlotsThatOneSideLacks) {
  ArraysCache cache = with_slots({numbers({1, 2}), {}, {}}, Int32s{5, 6});
  cache.extend(with_slots({{}, numbers({3}), {}}));
  EXPECT_EQ(slot(cache, 0), (Indices{1, 2, 0}));
  EXPECT_EQ(slot(cache, 1), (Indices{0, 0, 3}));
  EXPECT_FALSE(cache.state().slots[2].defined());
  EXPECT_EQ(cache.state().left_padding, (Int32s{5, 6, 0}));
}

TEST(ArraysCache, ExtendRefusesWhatDoesNotFit) {
  ArraysCache cache = with_slots({numbers({1})});
  EXPECT_EQ(cache.mismatch(with_slots({{}, {}})), "slots 1 and 2");
  EXPECT_EQ(cache.mismatch(with_slots({Tensor::zeros(Dtype::F16, {1})})), "slot 0 dtypes I32 and F16");
  EXPECT_EQ(cache.mismatch(with_slots({Tensor::zeros(Dtype::I32, {1, 2})})), "slot 0 shapes [1] and [1, 2]");
  EXPECT_EQ(error_of([&] { cache.extend(with_slots({{}, {}})); })->kind(), ErrorKind::impossible);
  // The reference fills in lengths of 0, which hide every token.
  EXPECT_EQ(error_of([&] { cache.extend(with_slots({numbers({1})}, std::nullopt, Int32s{4})); })->kind(),
            ErrorKind::impossible);
}

TEST(ArraysCache, MergesSequencesThatWereNeverUsed) {
  const ArraysCache used = with_slots({numbers({5})});
  const ArraysCache unused(1);
  const std::vector<const Cache*> caches{&unused, &used};
  EXPECT_EQ(slot(dynamic_cast<const ArraysCache&>(*unused.merge(caches)), 0), (Indices{0, 5}));
  const std::vector<const Cache*> none{&unused, &unused};
  const auto merged = unused.merge(none);
  EXPECT_TRUE(merged->empty());
  EXPECT_EQ(merged->batch_size(), 2);
}

TEST(ArraysCache, AlignForgetsHowThePromptWasPadded) {
  ArraysCache cache = with_slots({numbers({1, 2})}, Int32s{0, 1});
  cache.finalize();
  EXPECT_EQ(cache.state().left_padding, std::nullopt);
  cache.prepare({0, 2});
  EXPECT_EQ(test::picture(cache.make_mask(3, std::nullopt, false)), (std::vector<std::string>{"###", "#.."}));
  cache.finalize();
  EXPECT_EQ(cache.make_mask(3, std::nullopt, false).kind, Mask::Kind::none);
}

TEST(ArraysCache, AdvanceCountsDownBothLists) {
  ArraysCache cache = with_slots({numbers({1, 2})}, Int32s{0, 3}, Int32s{4, 5});
  cache.advance(2);
  EXPECT_EQ(cache.state().left_padding, (Int32s{-2, 1}));
  EXPECT_EQ(cache.state().lengths, (Int32s{2, 3}));
  ArraysCache lowest = with_slots({}, Int32s{INT32_MIN});
  EXPECT_EQ(error_of([&] { lowest.advance(1); })->kind(), ErrorKind::impossible);
}

TEST(ArraysCache, RefusesToWorkWithContradictions) {
  ArraysCache slots = with_slots({numbers({1, 2}), numbers({1})});
  ArraysCache lists = with_slots({numbers({1, 2})}, Int32s{1});
  ArraysCache scalar = with_slots({Tensor::zeros(Dtype::I32, {})});
  for (ArraysCache* cache : {&slots, &lists, &scalar}) {
    EXPECT_EQ(error_of([&] { cache->filter(Indices{0}); })->kind(), ErrorKind::impossible);
    EXPECT_EQ(error_of([&] { static_cast<void>(cache->extract(0)); })->kind(), ErrorKind::impossible);
  }
}

RC_GTEST_PROP(ArraysCacheProperty, ExtractGivesBackWhatWasMerged, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<Int32s>(rc::gen::arbitrary<std::int32_t>()));
  std::vector<ArraysCache> singles;
  for (const std::int32_t value : values) singles.push_back(with_slots({numbers({value}), {}}));
  std::vector<const Cache*> caches;
  for (const ArraysCache& single : singles) caches.push_back(&single);
  const auto merged = singles[0].merge(caches);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto one = merged->extract(static_cast<std::int64_t>(i));
    RC_ASSERT(slot(dynamic_cast<const ArraysCache&>(*one), 0) == (Indices{values[i]}));
    RC_ASSERT(!dynamic_cast<const ArraysCache&>(*one).state().slots[1].defined());
  }
}

}  // namespace
}  // namespace kvcache

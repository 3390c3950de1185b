// Masks: what they look like, and that they show each query exactly the tokens it may see in what the update then stores.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "batch_model.h"
#include "cache/mask.h"
#include "kvcache/caches.h"
#include "support/errors.h"

namespace kvcache {
namespace {

using test::append;
using test::Batch;
using test::BatchModel;
using test::count_from;
using test::error_of;
using test::picture;
using test::Tokens;

using Picture = std::vector<std::string>;

TEST(CausalMask, ShowsEachQueryItselfAndWhatCameBefore) {
  const Mask mask{Mask::Kind::array, detail::causal_mask(3, 2, std::nullopt)};
  EXPECT_EQ(mask.array.dtype(), Dtype::BOOL);
  EXPECT_EQ(mask.array.shape(), (Shape{3, 5}));
  EXPECT_EQ(picture(mask), (Picture{"###..", "####.", "#####"}));
}

TEST(CausalMask, HidesWhatLeftTheWindow) {
  EXPECT_EQ(picture({Mask::Kind::array, detail::causal_mask(2, 3, 2)}), (Picture{"..##.", "...##"}));
}

TEST(CausalMask, IsComputedWhereItIsRead) {
  // 2^27 booleans: too many to hold, none of which exists before it is read.
  const Tensor mask = detail::causal_mask(1 << 10, (1 << 17) - (1 << 10), std::nullopt);
  std::vector<std::byte> corner(3);
  mask.read((1 << 17) - (1 << 10) - 1, corner);
  EXPECT_EQ(corner, (std::vector<std::byte>{std::byte{1}, std::byte{1}, std::byte{0}}));
}

TEST(CausalMask, RefusesWhatCannotBeMeant) {
  EXPECT_EQ(error_of([] { static_cast<void>(detail::causal_mask(0, 3, std::nullopt)); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([] { static_cast<void>(detail::causal_mask(1, 3, 0)); })->kind(), ErrorKind::usage);
  EXPECT_EQ(error_of([] { static_cast<void>(detail::causal_mask(1 << 20, 3, std::nullopt)); })->kind(), ErrorKind::impossible);
  EXPECT_EQ(error_of([] { static_cast<void>(detail::causal_mask(INT64_MAX, max_dim, std::nullopt)); })->kind(),
            ErrorKind::impossible);
}

TEST(Mask, NeedsNoArrayForPlainAttention) {
  KVCache cache;
  append(cache, count_from(1, 4));
  EXPECT_EQ(cache.make_mask(1, std::nullopt, true).kind, Mask::Kind::none);
  EXPECT_EQ(cache.make_mask(2, std::nullopt, false).kind, Mask::Kind::causal);
  EXPECT_EQ(cache.make_mask(2, std::nullopt, true).kind, Mask::Kind::array);
  EXPECT_EQ(cache.make_mask(1, 100, false).kind, Mask::Kind::array);
}

TEST(Mask, OfRecurrentStateIsByPosition) {
  ArraysCache::State state;
  state.slots = {Tensor::zeros(Dtype::F32, {2, 3})};
  EXPECT_EQ(ArraysCache(state).make_mask(3, std::nullopt, false).kind, Mask::Kind::none);
  state.left_padding = Int32s{0, 2};
  EXPECT_EQ(picture(ArraysCache(state).make_mask(3, std::nullopt, false)), (Picture{"###", "..#"}));
  state.left_padding.reset();
  state.lengths = Int32s{-1, 2};
  EXPECT_EQ(picture(ArraysCache(state).make_mask(3, std::nullopt, false)), (Picture{"...", "##."}));
}

TEST(Mask, OfACacheListIsThatOfTheChildThatAttends) {
  std::vector<std::unique_ptr<Cache>> children;
  children.push_back(std::make_unique<ArraysCache>(2));
  children.push_back(std::make_unique<KVCache>());
  EXPECT_EQ(CacheList(std::move(children)).make_mask(2, std::nullopt, false).kind, Mask::Kind::causal);
}

// Three old rows stay and the first of them is padding: column 0 is to be hidden, and column 1 is hidden with it.
TEST(Mask, OfARotatedBatchHidesOneTokenAsInTheReference) {
  BatchRotatingKVCache cache(4, {3});
  append(cache, Batch{{0, 0, 0, 1}});
  append(cache, Batch{{2}});
  EXPECT_EQ(cache.state().left_padding, (Int32s{2}));
  EXPECT_EQ(picture(cache.make_mask(2, std::nullopt, false)), (Picture{"..##.", "..###"}));
  cache.unrotate();
  EXPECT_EQ(picture(cache.make_mask(2, std::nullopt, false)), (Picture{".###.", ".####"}));
}

TEST(Mask, OfChunksStartsAgainWithEachChunk) {
  ChunkedKVCache cache(4);
  append(cache, count_from(1, 3));
  EXPECT_EQ(picture(cache.make_mask(3, std::nullopt, false)), (Picture{"####..", "....#.", "....##"}));
}

// For every class that keeps windows: append tokens, ask for the mask of the next ones, append them, and compare.
RC_GTEST_PROP(MaskProperty, OfAWindowFitsWhatTheUpdateStores, ()) {
  const auto max_size = *rc::gen::inRange<std::int64_t>(1, 9);
  RotatingKVCache cache(max_size, 0);
  int seen = 0;
  for (const auto count : *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(1, 7))) {
    const auto window = *rc::gen::maybe(rc::gen::inRange<std::int64_t>(1, max_size + 1));
    const auto wanted = window ? std::optional(*window) : std::nullopt;
    const Mask mask = cache.make_mask(count, wanted, *rc::gen::arbitrary<bool>());
    append(cache, count_from(seen + 1, count));
    seen += static_cast<int>(count);
    const Tokens columns = test::tokens_in(cache.state());
    if (mask.kind == Mask::Kind::array) RC_ASSERT(mask.array.dim(-1) == static_cast<std::int64_t>(columns.size()));
    for (std::int64_t query = 0; query < count; ++query) {
      RC_ASSERT(test::sorted(test::attended(mask, columns, count, query)) ==
                test::newest(count_from(1, seen), count, query, wanted.value_or(max_size)));
    }
  }
}

template <class BatchCache>
void check_batch_masks(BatchCache cache, std::optional<std::int64_t> max_size) {
  BatchModel model{Batch(static_cast<std::size_t>(*cache.batch_size())), 1};
  for (const auto count : *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(1, 7))) {
    const auto window = *rc::gen::inRange<std::int64_t>(1, max_size.value_or(12) + 1);
    // See Mask.OfARotatedBatchHidesOneTokenAsInTheReference.
    if constexpr (requires { cache.unrotate(); }) {
      if (count > 1) cache.unrotate();
    }
    const Mask mask = cache.make_mask(count, window, false);
    // Right-padded prompts give sequences of different lengths. One token is never padding.
    Int32s padding;
    for (std::size_t b = 0; b < model.sequences.size(); ++b) {
      padding.push_back(*rc::gen::inRange<std::int32_t>(0, static_cast<int>(count)));
    }
    const Batch rows = model.append(count, padding);
    Batch whole = model.sequences;
    for (std::size_t b = 0; b < whole.size(); ++b) {
      whole[b].resize(whole[b].size() + static_cast<std::size_t>(padding[b]), BatchModel::junk_token);
    }
    cache.prepare(padding);
    append(cache, rows);
    const Batch columns = test::batch_in(cache.state());
    for (std::size_t b = 0; b < whole.size(); ++b) {
      for (std::int64_t query = 0; query < count - padding[b]; ++query) {
        RC_ASSERT(test::sorted(test::attended(mask, columns[b], count, query, b)) ==
                  test::newest(whole[b], count, query, window));
      }
    }
    cache.finalize();
  }
}

RC_GTEST_PROP(MaskProperty, OfABatchShowsEachSequenceOnlyItsOwnTokens, ()) {
  check_batch_masks(BatchKVCache(Int32s(3, 0)), std::nullopt);
}

RC_GTEST_PROP(MaskProperty, OfABatchOfWindowsFitsWhatTheUpdateStores, ()) {
  const auto max_size = *rc::gen::inRange<std::int64_t>(1, 9);
  check_batch_masks(BatchRotatingKVCache(max_size, Int32s(3, 0)), max_size);
}

}  // namespace
}  // namespace kvcache

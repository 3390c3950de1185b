// RotatingKVCache against a model that is a plain list of tokens.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "cache/invariants/invariants.h"
#include "kvcache/cache/rotating_kv_cache.h"
#include "tokens.h"

namespace kvcache {
namespace {

using test::Tokens;

// The tokens a window holds, oldest first, pinned ones in front.
struct WindowModel {
  std::int64_t max_size;
  std::int64_t keep;
  Tokens held;
  int seen = 0;

  void drop_oldest(std::int64_t count) {
    if (count > 0) held.erase(held.begin() + keep, held.begin() + keep + count);
  }
  Tokens append(std::int64_t count) {
    // Room for one token in place, or all but one old token before several: both leave max_size - 1.
    drop_oldest(static_cast<std::int64_t>(held.size()) - max_size + 1);
    const Tokens fresh = test::count_from(seen + 1, count);
    held.insert(held.end(), fresh.begin(), fresh.end());
    seen += static_cast<int>(count);
    return fresh;
  }
};

Tokens in_temporal_order(const RotatingKVCache& cache) {
  RotatingKVCache ordered = cache;
  ordered.unrotate();
  return test::tokens_in(ordered.state());
}

RC_GTEST_PROP(RotatingKVCacheProperty, HoldsWhatAListWouldHold, ()) {
  const auto max_size = *rc::gen::inRange<std::int64_t>(1, 12);
  const auto keep = *rc::gen::inRange<std::int64_t>(0, max_size);
  RotatingKVCache cache(max_size, keep);
  WindowModel model{max_size, keep, {}};
  const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 20));
  for (const int step : steps) {
    if (step < 12) {
      test::append(cache, model.append(step < 6 ? 1 : step - 4));
    } else if (step < 15 && cache.trimmable()) {
      const auto removed = static_cast<int>(cache.trim(step - 11));
      model.held.resize(model.held.size() - static_cast<std::size_t>(removed));
      model.seen -= removed;
    } else {
      cache.unrotate();
    }
    RC_ASSERT(detail::broken_invariants(cache.state()).empty());
    RC_ASSERT(cache.state().offset == model.seen);
    RC_ASSERT(in_temporal_order(cache) == model.held);
  }
}

RC_GTEST_PROP(RotatingKVCacheProperty, TrimUndoesAppendWhileTrimmable, ()) {
  const auto max_size = *rc::gen::inRange<std::int64_t>(2, 12);
  RotatingKVCache cache(max_size, *rc::gen::inRange<std::int64_t>(0, max_size));
  test::append(cache, test::count_from(1, *rc::gen::inRange<std::int64_t>(1, max_size)));
  const RotatingKVCache before = cache;
  const auto more = *rc::gen::inRange<std::int64_t>(1, 4);
  test::append(cache, test::count_from(100, more));
  RC_PRE(cache.trimmable());
  RC_ASSERT(cache.trim(more) == more);
  RC_ASSERT(test::tokens_in(cache.state()) == test::tokens_in(before.state()));
  RC_ASSERT(cache.state().idx == before.state().idx);
  RC_ASSERT(cache.state().offset == before.state().offset);
}

}  // namespace
}  // namespace kvcache

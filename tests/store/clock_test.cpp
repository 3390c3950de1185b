// A clock that is set back, or that was wrong and is put right: what is in use stays, and what was used last stays longest.
#include <gtest/gtest.h>

#include "broken_disks.h"
#include "kvcache/error.h"
#include "small_store.h"
#include "support/faults.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;
namespace fs = std::filesystem;

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day = 86'400 * second;
constexpr std::int64_t start = 20'000 * day;  // 2024

class StoreClock : public ::testing::Test {
 protected:
  StoreClock()
      : clock_(&kvcache::detail::Syscalls::now, [] { return now_; }), store_((now_ = start, Store::open(folder_ / "s"))) {
    store_.configure(small_blocks());
  }

  [[nodiscard]] store::Entry entry(std::int64_t tokens) const {
    for (store::Entry& one : store_.index().entries({}))
      if (one.tokens == tokens) return one;
    ADD_FAILURE() << "no entry of " << tokens << " tokens";
    return {};
  }
  void keep_for(std::int64_t age) {
    store::Settings settings = small_blocks();
    settings.max_age = age;
    store_.configure(settings);
  }

  inline static std::int64_t now_ = start;
  Folder folder_;
  Replaced<std::int64_t (*)()> clock_;
  Store store_;
};

TEST_F(StoreClock, LastAccessesKeepTheirOrder) {
  put(store_, first_turn, "chat");
  now_ -= 365 * day;
  put(store_, other_chat, "other");
  EXPECT_GT(entry(6).created, entry(10).created);
  EXPECT_GT(entry(6).used, entry(10).used);
  now_ -= 365 * day;
  EXPECT_TRUE(found(store_, first_turn));
  EXPECT_GT(entry(10).used, entry(6).used);
  EXPECT_EQ(store_.index().entries({}).front().tokens, 10);
  // So it is the other one that goes.
  store_.collect(store_.index().bytes() - 1);
  EXPECT_TRUE(found(store_, first_turn));
  EXPECT_FALSE(found(store_, other_chat));
  EXPECT_EQ(store_.check(true, false).problems, std::vector<std::string>());
}

TEST_F(StoreClock, NothingExpiresBecauseItWasSetBack) {
  keep_for(30 * day);
  put(store_, first_turn, "chat");
  for (const std::int64_t back : {second, 29 * day, 31 * day, 10'000 * day}) {
    now_ = start - back;
    EXPECT_EQ(store_.collect(), 0U) << back;
    EXPECT_TRUE(found(store_, first_turn)) << back;
  }
  // What was used while it was wrong was used just now.
  now_ = start + 29 * day;
  EXPECT_EQ(store_.collect(), 0U);
  now_ = start + 31 * day;
  EXPECT_GT(store_.collect(), 0U);
  EXPECT_FALSE(found(store_, first_turn));
}

TEST_F(StoreClock, WhatIsUsedIsKeptWhereItWasAheadBefore) {
  keep_for(30 * day);
  now_ = start + 5'000 * day;
  put(store_, first_turn, "chat");
  now_ = start;
  put(store_, other_chat, "other");
  EXPECT_TRUE(found(store_, first_turn));
  EXPECT_EQ(store_.collect(), 0U);
  EXPECT_TRUE(found(store_, first_turn));
  EXPECT_TRUE(found(store_, other_chat));
  // The order is that of use.
  store_.collect(store_.index().bytes() - 1);
  EXPECT_FALSE(found(store_, first_turn) && found(store_, other_chat));
  EXPECT_TRUE(found(store_, other_chat));
}

TEST_F(StoreClock, APutThatIsOnItsWayKeepsWhatItWrites) {
  put(store_, first_turn, "chat");
  const std::string unfinished = folder_ / "s/objects/00/.one.kvcache-tmp";
  write_file(unfinished, "half");
  // As the file system's times are those of now, a clock that was set back is far behind them.
  for (const std::int64_t at : {start, std::int64_t{0}}) {
    now_ = at;
    store_.collect();
    EXPECT_TRUE(fs::exists(unfinished)) << at;
  }
  // Nor does one that was set forward make it a thing of the past, while somebody works.
  now_ = 40'000 * day;
  {
    const auto works = store_.objects().hold();
    store_.collect();
    EXPECT_TRUE(fs::exists(unfinished));
  }
  store_.collect();
  EXPECT_FALSE(fs::exists(unfinished));
}

TEST_F(StoreClock, APutIsSeenAtWorkWhereFilesHaveNames) {
  const Replaced named(
      &kvcache::detail::Syscalls::open_nameless, +[](const char*, mode_t) {
        errno = EOPNOTSUPP;
        return -1;
      });
  now_ = 40'000 * day;
  bool looked = false;
  store_.objects().put(std::string(64, 'a') + ".rows.safetensors", [&](ByteSink& out) {
    store_.objects().clean();
    looked = true;
    out.commit();
  });
  EXPECT_TRUE(looked);
  EXPECT_TRUE(store_.objects().size(std::string(64, 'a') + ".rows.safetensors"));
}

TEST_F(StoreClock, AReaderKeepsWhatItReads) {
  const PlainDisk disk;  // whose readers nobody sees: time alone tells that they have ended
  Store store = Store::open(folder_ / "plain");
  fill(store);
  store::Query query;
  query.prompt = prompt_of(first_turn);
  query.exact = true;
  const store::Got got = store.get(query);
  ASSERT_TRUE(got.match.hit());
  now_ -= 1'000 * day;
  store.collect(0);
  store.collect(0);
  EXPECT_TRUE(text_of(got.cache) == text_of(cache_of(model, ids(first_turn), 10)));
}

TEST_F(StoreClock, CountsOfDaysGoOn) {
  put(store_, first_turn, "chat");
  EXPECT_TRUE(found(store_, first_turn));
  now_ -= 3 * day;
  EXPECT_TRUE(found(store_, first_turn));
  EXPECT_FALSE(found(store_, "zzz"));
  const auto days = store_.index().history();
  ASSERT_EQ(days.size(), 2U);
  EXPECT_EQ(days.front().asked, 2U);
  EXPECT_EQ(days.front().hits, 1U);
}

}  // namespace

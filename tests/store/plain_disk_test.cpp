// A store on a file system that has neither links nor locks: it works another way, several processes at once, and where a lock
// was left behind it says so.
#include <gtest/gtest.h>

#include <thread>

#include "broken_disks.h"
#include "documents/hint.h"
#include "kvcache/error.h"
#include "small_store.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;
namespace fs = std::filesystem;

void expect_sound(Store& store) {
  const Store::Checked checked = store.check(true, false);
  EXPECT_EQ(checked.problems, std::vector<std::string>());
  EXPECT_EQ(checked.leftovers, std::vector<std::string>());
}

void expect_found(const Store& store, const char* text) {
  const auto is = found(store, text);
  ASSERT_TRUE(is) << text;
  EXPECT_TRUE(*is == text_of(cache_of(model, ids(text), static_cast<std::int64_t>(std::strlen(text)))));
}

/// Everything that a store does.
void use(const std::string& path, const std::string& other) {
  Store store = Store::open(path);
  put(store, second_turn, "chat");
  expect_found(store, first_turn);
  expect_found(store, second_turn);
  store.pin(entry_of(store, 16), true);
  const std::string id = entry_of(store, 6);
  EXPECT_GT(store.remove(std::span(&id, 1)), 0U);
  EXPECT_FALSE(found(store, other_chat));
  EXPECT_GT(store.import(Store::open(other)).entries, 0U);
  expect_found(store, other_chat);
  store.collect();
  store.index().compact();
  expect_sound(store);
  EXPECT_EQ(store.rebuild().problems, std::vector<std::string>());
  expect_found(store, second_turn);
  store.collect(0);
  expect_found(store, second_turn);  // it is pinned
  expect_sound(store);
  EXPECT_FALSE(fs::exists(path + "/store.db.lock"));
}

class PlainDiskStore : public ::testing::TestWithParam<std::pair<int, int>> {
 protected:
  PlainDiskStore() {
    Store other = Store::open(folder_ / "other");
    fill(other);
  }
  Folder folder_;
};

TEST_P(PlainDiskStore, DoesEverything) {
  const PlainDisk disk(GetParam().first, GetParam().second);
  {
    Store made = Store::open(folder_ / "s");
    fill(made);
  }
  use(folder_ / "s", folder_ / "other");
}

// Its log was written where there are locks: a copy of it on a memory stick.
TEST_P(PlainDiskStore, TakesOverAStoreFromAnotherDisk) {
  {
    Store made = Store::open(folder_ / "s");
    fill(made);
  }
  ASSERT_TRUE(fs::exists((folder_ / "s") + "/store.db-wal"));
  {
    const PlainDisk disk(GetParam().first, GetParam().second);
    use(folder_ / "s", folder_ / "other");
  }
  // And back.
  Store store = Store::open(folder_ / "s");
  expect_found(store, second_turn);
  put(store, first_turn, "chat");
  expect_found(store, first_turn);
  expect_sound(store);
}

INSTANTIATE_TEST_SUITE_P(Errors, PlainDiskStore,
                         ::testing::Values(std::pair(EPERM, ENOLCK), std::pair(EOPNOTSUPP, EOPNOTSUPP),
                                           std::pair(EINVAL, EINVAL), std::pair(ENOSYS, ENOSYS)));

TEST(PlainDiskStores, SeveralAtOnce) {
  const Folder folder;
  const PlainDisk disk;
  {
    Store made = Store::open(folder / "s");
    fill(made);
  }
  std::vector<std::thread> threads;
  std::atomic<int> missed = 0;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      Store store = Store::open(folder / "s");
      for (int turn = 1; turn <= 3; ++turn) {
        const std::string text = "abcdefgh" + std::string(static_cast<std::size_t>(turn), static_cast<char>('n' + i));
        put(store, text);
        if (!found(store, text)) ++missed;
      }
    });
  for (std::thread& one : threads) one.join();
  EXPECT_EQ(missed, 0);
  Store store = Store::open(folder / "s");
  EXPECT_EQ(store.index().entries({}).size(), 11U);
  expect_sound(store);
}

TEST(PlainDiskStores, SaysWhatAKilledProcessHasLeft) {
  const Folder folder;
  const PlainDisk disk;
  {
    Store made = Store::open(folder / "s");
    fill(made);
  }
  const std::string lock = folder / "s/store.db.lock";
  fs::create_directory(lock);
  // A minute passes at once.
  sqlite3_vfs* vfs = sqlite3_vfs_find("unix-dotfile");
  const auto sleep = vfs->xSleep;
  vfs->xSleep = [](sqlite3_vfs*, int microseconds) { return microseconds; };
  try {
    Store store = Store::open(folder / "s");
    put(store, second_turn);
    ADD_FAILURE() << "the lock was not respected";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_NE(std::string(error.what()).find(folder / "s/store.db"), std::string::npos) << error.what();
    EXPECT_NE(documents::hint_of(error.remedy(), {}).find("one that was killed has left " + lock), std::string::npos)
        << documents::hint_of(error.remedy(), {});
  }
  vfs->xSleep = sleep;
  fs::remove(lock);
  Store store = Store::open(folder / "s");
  expect_found(store, first_turn);
  expect_sound(store);
}

// Nobody can say that an object is being read: it is kept for as long as anybody may be.
TEST(PlainDiskStores, KeepsWhatMayBeRead) {
  const Folder folder;
  const PlainDisk disk;
  Store store = Store::open(folder / "s");
  fill(store);
  store::Query query;
  query.prompt = prompt_of(first_turn);
  query.exact = true;
  const store::Got got = store.get(query);
  ASSERT_TRUE(got.match.hit());
  Store::open(folder / "s").collect(0);
  EXPECT_FALSE(found(store, first_turn));
  EXPECT_TRUE(text_of(got.cache) == text_of(cache_of(model, ids(first_turn), 10)));
}

}  // namespace

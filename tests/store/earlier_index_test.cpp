// An index of the release before this one.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "small_store.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;

class EarlierIndex : public ::testing::Test {
 protected:
  EarlierIndex() {
    {
      Store store = Store::open(path_);
      store.configure(small_blocks());
      put(store, "abcdefghij", "chat");
    }
    sqlite3_open(database_.c_str(), &earlier_);
    run("DROP INDEX node_bases; ALTER TABLE node DROP COLUMN base; ALTER TABLE node RENAME COLUMN loose TO leaf; "
        "PRAGMA user_version = 2");
  }
  ~EarlierIndex() override { sqlite3_close(earlier_); }

  std::string run(const char* sql) {
    char* message = nullptr;
    sqlite3_exec(earlier_, sql, nullptr, nullptr, &message);
    std::string out = message == nullptr ? "" : message;
    sqlite3_free(message);
    return out;
  }

  Folder folder_;
  std::string path_ = folder_ / "s";
  std::string database_ = path_ + "/store.db";
  sqlite3* earlier_ = nullptr;
};

TEST_F(EarlierIndex, IsReadAsItIs) {
  store::OpenOptions options;
  options.read_only = true;
  Store store = Store::open(path_, options);
  EXPECT_TRUE(found(store, "abcdefghij"));
  EXPECT_EQ(store.check(true, false).problems, std::vector<std::string>());
}

// A process of the earlier release that has it open would not know which rows others go on from.
TEST_F(EarlierIndex, IsMadeANewOneAndTheEarlierToolWritesToItNoMore) {
  EXPECT_EQ(run("UPDATE node SET leaf = 0 WHERE 0"), "");
  Store store = Store::open(path_);
  put(store, "abcdefghijkl", "chat");
  EXPECT_TRUE(found(store, "abcdefghij"));
  EXPECT_TRUE(found(store, "abcdefghijkl"));
  EXPECT_EQ(store.check(true, false).problems, std::vector<std::string>());
  EXPECT_NE(run("UPDATE node SET leaf = 0 WHERE 0"), "");
}

}  // namespace

// Every operation with every call of the operating system failing in turn, the store's and SQLite's: afterwards the store is
// whole, what was in it is found bit for bit, and what failed has happened or has not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "failing_vfs.h"
#include "kvcache/error.h"
#include "small_store.h"
#include "support/faults.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;
namespace fs = std::filesystem;

struct Operation {
  std::string name;
  void (*run)(const std::string& path);
  bool takes_away = false;  ///< what was there may be gone
  bool adds = false;        ///< the second turn
  bool evicts = false;      ///< what was there, where the disk is full
};
std::ostream& operator<<(std::ostream& out, const Operation& one) {
  return out << one.name;
}

class StoreFaults : public ::testing::TestWithParam<Operation> {
 protected:
  static void SetUpTestSuite() { stores_ = new Stores; }
  static void TearDownTestSuite() { delete stores_; }

  /// As before the operation.
  void copy() const { stores_->copy_to(folder_); }

  /// What has to hold whatever failed. `failed`: what it ended with; `full`: the disk was.
  void expect_whole(const std::optional<Error>& failed, int at, bool full = false) const {
    const Operation& operation = GetParam();
    const bool stays = !operation.takes_away && !(full && operation.evicts);
    Store store = Store::open(folder_ / "s");
    const Store::Checked checked = store.check(true, false);
    EXPECT_EQ(checked.problems, std::vector<std::string>()) << (failed ? failed->what() : "");
    const auto expect_prompt = [&](const char* text, bool must) {
      const auto text_found = found(store, text);
      EXPECT_TRUE(text_found || !must) << text;
      if (text_found) {
        EXPECT_TRUE(*text_found == text_of(cache_of(model, ids(text), static_cast<std::int64_t>(std::strlen(text))))) << text;
      }
    };
    expect_prompt(first_turn, stays);
    expect_prompt(other_chat, stays);
    expect_prompt(second_turn, operation.adds && !failed);
    if (at % 3 != 0) return;
    // And it still works: what was left behind is no obstacle.
    put(store, second_turn, "chat");
    expect_prompt(second_turn, true);
    store.collect();
    EXPECT_EQ(store.check(true, false).leftovers, std::vector<std::string>());
  }

  /// All calls take minutes: KVCACHE_EVERY_CALL=1. Else some of them, others for each operation.
  static int stride() {
    const char* all = getenv("KVCACHE_EVERY_CALL");
    return all != nullptr && *all == '1' ? 1 : 9;
  }
  static int first() { return 1 + static_cast<int>(GetParam().name.size()) % stride(); }

  std::optional<Error> attempt() const {
    try {
      GetParam().run(folder_.str());
    } catch (const Error& error) {
      return error;
    }
    return std::nullopt;
  }

  Folder folder_;
  inline static Stores* stores_ = nullptr;
};

TEST_P(StoreFaults, EverySystemCall) {
  for (const auto& [error, for_good] : {std::pair(EIO, false), std::pair(ENOSPC, false), std::pair(EIO, true)}) {
    for (int at = first();; at += stride()) {
      SCOPED_TRACE("call " + std::to_string(at) + ", errno " + std::to_string(error) + (for_good ? " for good" : ""));
      ASSERT_LT(at, 3000);
      copy();
      std::optional<Error> failed;
      {
        const FailingCall fault(at, error, for_good);
        failed = attempt();
        if (!fault.happened()) break;
      }
      if (failed) {
        EXPECT_EQ(failed->kind(), ErrorKind::io) << failed->what();
      }
      expect_whole(failed, at, error == ENOSPC);
      if (HasFailure()) return;
    }
  }
}

TEST_P(StoreFaults, ShortReadsAndWrites) {
  for (int at = first();; at += stride()) {
    SCOPED_TRACE("call " + std::to_string(at));
    ASSERT_LT(at, 3000);
    copy();
    const FailingCall fault(at, short_transfer);
    const std::optional<Error> failed = attempt();
    EXPECT_FALSE(failed) << failed->what();
    if (!fault.happened()) break;
    if (at % 8 == 0) expect_whole(failed, 1);
    if (HasFailure()) return;
  }
}

TEST_P(StoreFaults, EveryCallOfSqlite) {
  for (const auto& [full, for_good] : {std::pair(false, false), std::pair(true, false), std::pair(false, true)}) {
    for (int at = first();; at += stride()) {
      SCOPED_TRACE("call " + std::to_string(at) + (full ? ", full" : "") + (for_good ? ", for good" : ""));
      ASSERT_LT(at, 5000);
      copy();
      std::optional<Error> failed;
      {
        const FailingVfs fault(at, full, for_good);
        failed = attempt();
        if (!FailingVfs::happened()) break;
      }
      expect_whole(failed, at, full);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Operations, StoreFaults,
                         ::testing::Values(Operation{"put",
                                                     [](const std::string& path) {
                                                       Store store = Store::open(path + "/s");
                                                       put(store, second_turn, "chat");
                                                     },
                                                     false, true, true},
                                           Operation{"put_again",
                                                     [](const std::string& path) {
                                                       Store store = Store::open(path + "/s");
                                                       put(store, first_turn, "chat");
                                                     },
                                                     false, false, true},
                                           Operation{"get",
                                                     [](const std::string& path) {
                                                       const Store store = Store::open(path + "/s");
                                                       const auto text = found(store, first_turn);
                                                       EXPECT_TRUE(text &&
                                                                   *text == text_of(cache_of(model, ids(first_turn), 10)));
                                                     }},
                                           Operation{"remove",
                                                     [](const std::string& path) {
                                                       Store store = Store::open(path + "/s");
                                                       const std::string id = entry_of(store, 10);
                                                       store.remove(std::span(&id, 1));
                                                     },
                                                     true},
                                           Operation{"pin",
                                                     [](const std::string& path) {
                                                       Store store = Store::open(path + "/s");
                                                       store.pin(entry_of(store, 10), true);
                                                     }},
                                           Operation{"evict",
                                                     [](const std::string& path) {
                                                       Store store = Store::open(path + "/s");
                                                       store.collect(1000);
                                                     },
                                                     true},
                                           Operation{"repair",
                                                     [](const std::string& path) {
                                                       Store store = Store::open(path + "/s");
                                                       store.check(true, true);
                                                     }},
                                           Operation{"rebuild",
                                                     [](const std::string& path) {
                                                       Store store = Store::open(path + "/s");
                                                       store.rebuild();
                                                     }},
                                           Operation{"import",
                                                     [](const std::string& path) {
                                                       Store store = Store::open(path + "/s");
                                                       store.import(Store::open(path + "/t", {false, true}));
                                                     },
                                                     false, true, true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace

// A store that may only be read: everything that only looks works and changes nothing, everything else says why it does not.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <utility>

#include "broken_disks.h"
#include "documents/hint.h"
#include "kvcache/error.h"
#include "small_store.h"
#include "support/faults.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;
namespace fs = std::filesystem;

/// What is in a folder: names, contents, times.
std::map<std::string, std::pair<std::string, fs::file_time_type>> contents(const std::string& folder) {
  std::map<std::string, std::pair<std::string, fs::file_time_type>> out;
  for (const auto& item : fs::recursive_directory_iterator(folder)) {
    // The log's shared memory says who reads.
    if (item.path().extension() == ".db-shm") continue;
    out[item.path().string()] = {item.is_directory() ? "" : read_file(item.path().string()), item.last_write_time()};
  }
  return out;
}

class ReadOnlyStore : public ::testing::Test {
 protected:
  ReadOnlyStore() {
    Store made = Store::open(path());
    fill(made);
    Store other = Store::open(folder_ / "other");
    other.configure(small_blocks());
    put(other, second_turn, "chat");
  }
  [[nodiscard]] std::string path() const { return folder_ / "s"; }

  void expect_readable() const {
    const auto before = contents(path());
    {
      const ReadOnlyDisk disk;
      const Store store = Store::open(path());
      for (const char* text : {first_turn, other_chat}) {
        const auto is = found(store, text);
        ASSERT_TRUE(is);
        EXPECT_TRUE(*is == text_of(cache_of(model, ids(text), static_cast<std::int64_t>(std::strlen(text)))));
      }
      store::Query query;
      query.prompt = prompt_of(second_turn);
      EXPECT_EQ(store.probe(query).resume_at, 10);
      EXPECT_EQ(store.index().entries({}).size(), 2U);
      EXPECT_EQ(store.usage().size(), 1U);
      EXPECT_EQ(text_of(store.export_entry(entry_of(store, 10)).cache), text_of(cache_of(model, ids(first_turn), 10)));
      EXPECT_EQ(Store::open(path()).check(true, false).problems, std::vector<std::string>());
    }
    EXPECT_TRUE(contents(path()) == before);
  }

  void expect_refusals(const std::string& reason) const {
    const std::vector<std::pair<const char*, std::function<void(Store&)>>> changes = {
        {"put", [](Store& store) { put(store, second_turn); }},
        {"remove",
         [](Store& store) {
           const std::string id = entry_of(store, 10);
           store.remove(std::span(&id, 1));
         }},
        {"pin", [](Store& store) { store.pin(entry_of(store, 10), true); }},
        {"gc", [](Store& store) { store.collect(0); }},
        {"init", [](Store& store) { store.configure(small_blocks()); }},
        {"repair", [](Store& store) { store.check(true, true); }},
        {"rebuild", [](Store& store) { store.rebuild(); }},
        {"import",
         [this](Store& store) {
           store.import(Store::open(folder_ / "other", {false, true}));
         }},
    };
    for (const auto& [name, change] : changes) {
      SCOPED_TRACE(name);
      Store store = Store::open(path());
      try {
        change(store);
        ADD_FAILURE() << "not refused";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::io);
        EXPECT_EQ(error.what(), "the store " + path() + " cannot be written to: " + reason);
        EXPECT_EQ(documents::hint_of(error.remedy(), {}),
                  "`kvcache store import " + path() + " --store DIR` takes it over into a folder that you may write to");
      }
    }
  }

  Folder folder_;
};

TEST_F(ReadOnlyStore, IsReadAsItWasLeft) {
  ASSERT_TRUE(fs::exists(path() + "/store.db-wal"));
  expect_readable();
}

TEST_F(ReadOnlyStore, IsReadWithoutALog) {
  Store::open(path()).index().compact();
  expect_readable();
  fs::remove(path() + "/store.db-wal");
  fs::remove(path() + "/store.db-shm");
  expect_readable();
}

// A copy of it on a CD, say, made without what is no file of data.
TEST_F(ReadOnlyStore, IsReadWhereTheLogHasLostItsSharedMemory) {
  fs::remove(path() + "/store.db-shm");
  ASSERT_GT(fs::file_size(path() + "/store.db-wal"), 0U);
  expect_readable();
  EXPECT_FALSE(fs::exists(path() + "/store.db-shm"));
}

TEST_F(ReadOnlyStore, RefusesWhatWouldChangeIt) {
  const auto before = contents(path());
  {
    const ReadOnlyDisk disk;
    expect_refusals("Read-only file system");
  }
  EXPECT_TRUE(contents(path()) == before);
}

// Its folder may be written to, and a part of it not: nothing is begun that cannot be ended.
TEST_F(ReadOnlyStore, RefusesWhereAPartMayNotBeWrittenTo) {
  for (const char* part : {"store.db", "objects", "trash"}) {
    SCOPED_TRACE(part);
    static std::string closed;
    closed = path() + "/" + part;
    const auto before = contents(path());
    {
      const Replaced access(&kvcache::detail::Syscalls::access, [](const char* at, int mode) {
        if (at != closed || (mode & W_OK) == 0) return ::access(at, mode);
        errno = EACCES;
        return -1;
      });
      expect_refusals(std::string(part) + ": Permission denied");
      EXPECT_TRUE(found(Store::open(path()), first_turn));
    }
    EXPECT_TRUE(contents(path()) == before);
  }
}

TEST_F(ReadOnlyStore, IsNotMadeWhereNothingMayBeMade) {
  const ReadOnlyDisk disk;
  try {
    (void)Store::open(folder_ / "new");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_EQ(error.what(), "cannot make the folder " + (folder_ / "new") + ": Read-only file system");
  }
}

TEST_F(ReadOnlyStore, IsOnlyReadWhereThatWasAskedFor) {
  const auto before = contents(path());
  {
    Store store = Store::open(path(), {false, true});
    EXPECT_TRUE(found(store, first_turn));
    EXPECT_THROW(store.collect(), Error);
  }
  EXPECT_TRUE(contents(path()) == before);
}

}  // namespace

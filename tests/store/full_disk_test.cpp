// A disk that becomes full at any byte that is written, the store's or SQLite's: what was there stays or was evicted for what
// came, an output is whole or not there, and the message says what is full and what to do.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "broken_disks.h"
#include "documents/hint.h"
#include "kvcache/error.h"
#include "platform/disk_full.h"
#include "small_store.h"
#include "support/folder.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;
namespace fs = std::filesystem;

struct DiskOperation {
  std::string name;
  void (*run)(const std::string& path);
  bool removes = false;  ///< what was there may be gone
  bool writes = true;    ///< enough to meet a full disk
};
std::ostream& operator<<(std::ostream& out, const DiskOperation& one) {
  return out << one.name;
}

void write_out(const store::Got& got, const std::string& path) {
  const Encoded encoded = store::encode_got(got);
  write_safetensors(path, encoded.tensors, encoded.metadata);
}

class StoreFullDisk : public ::testing::TestWithParam<DiskOperation> {
 protected:
  static void SetUpTestSuite() { stores_ = new Stores; }
  static void TearDownTestSuite() { delete stores_; }

  /// A copy of the stores, in which the operation is run on such a disk. Returns the fewest bytes that were left.
  std::int64_t run(std::int64_t bytes, int error, bool tells) {
    fs::remove_all(folder_ / "new");
    stores_->copy_to(folder_);
    fs::create_directories(folder_ / "out");
    failed_.reset();
    full_ = false;
    const FullDisk disk(bytes, error, tells);
    try {
      GetParam().run(folder_.str());
    } catch (const kvcache::detail::DiskFull& failure) {
      failed_ = failure;
      full_ = true;
    } catch (const Error& failure) {
      failed_ = failure;
    }
    return FullDisk::lowest();
  }

  void expect_whole() const {
    if (failed_) {
      EXPECT_TRUE(full_) << failed_->what();
      EXPECT_EQ(failed_->kind(), ErrorKind::io);
      EXPECT_NE(std::string(failed_->what()).find(folder_.str()), std::string::npos) << failed_->what();
      EXPECT_NE(documents::hint_of(failed_->remedy(), {}).find("free some space"), std::string::npos) << failed_->what();
    }
    Store store = Store::open(folder_ / "s");
    const Store::Checked checked = store.check(true, false);
    EXPECT_EQ(checked.problems, std::vector<std::string>()) << (failed_ ? failed_->what() : "");
    for (const char* text : {first_turn, other_chat, second_turn}) {
      const auto is = found(store, text);
      if (is) {
        EXPECT_TRUE(*is == text_of(cache_of(model, ids(text), static_cast<std::int64_t>(std::strlen(text))))) << text;
      }
    }
    // Reading takes nothing away, and nothing is written half.
    const std::string out = folder_ / "out/out.safetensors";
    for (const auto& item : fs::directory_iterator(folder_ / "out")) EXPECT_EQ(item.path().string(), out);
    if (fs::exists(out)) {
      EXPECT_FALSE(failed_);
      EXPECT_TRUE(text_of(open_document(out).cache) == text_of(cache_of(model, ids(first_turn), 10)));
    }
    if (!GetParam().removes) {
      EXPECT_TRUE(found(store, first_turn) && found(store, other_chat));
    }
    // And it works again where there is room.
    put(store, second_turn, "chat");
    EXPECT_TRUE(found(store, second_turn));
    store.collect();
    EXPECT_EQ(store.check(true, false).leftovers, std::vector<std::string>());
  }

  static Document open_document(const std::string& path) { return decode(SafetensorsFile::open(path)); }

  Folder folder_;
  std::optional<Error> failed_;
  bool full_ = false;
  inline static Stores* stores_ = nullptr;
};

TEST_P(StoreFullDisk, AtAnyByte) {
  constexpr std::int64_t plenty = std::int64_t{1} << 30U;
  // The reserve of a new index is taken where there is plenty, and not needed.
  const std::int64_t needed = std::min<std::int64_t>(plenty - run(plenty, ENOSPC, true), 100'000);
  ASSERT_FALSE(failed_) << failed_->what();
  // KVCACHE_EVERY_CALL=1: at each 64 bytes.
  const char* all = getenv("KVCACHE_EVERY_CALL");
  const std::int64_t step = all != nullptr && *all == '1' ? 64 : std::max<std::int64_t>(1, needed / 9);
  int failures = 0;
  for (const auto& [error, tells] : {std::pair(ENOSPC, true), std::pair(EDQUOT, false)}) {
    for (std::int64_t bytes = 0; bytes < needed + step; bytes += step) {
      SCOPED_TRACE("room for " + std::to_string(bytes) + " of " + std::to_string(needed) + " bytes, errno " +
                   std::to_string(error));
      run(bytes, error, tells);
      failures += failed_ ? 1 : 0;
      expect_whole();
      if (HasFailure()) return;
    }
  }
  if (GetParam().writes) {
    EXPECT_GT(failures, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Operations, StoreFullDisk,
    ::testing::Values(
        DiskOperation{"put",
                      [](const std::string& path) {
                        Store store = Store::open(path + "/s");
                        put(store, second_turn, "chat");
                      },
                      true},
        DiskOperation{"put_of_another_model",
                      [](const std::string& path) {
                        Store store = Store::open(path + "/s");
                        const Model plain{{LayerKind::plain}};
                        store.put(document_of(cache_of(plain, ids(second_turn), 16)),
                                  {ids(second_turn), store::identity_of_text("other")});
                      },
                      true},
        DiskOperation{"get",
                      [](const std::string& path) {
                        const Store store = Store::open(path + "/s");
                        store::Query query;
                        query.prompt = prompt_of(first_turn);
                        query.exact = true;
                        write_out(store.get(query), path + "/out/out.safetensors");
                      }},
        DiskOperation{"export",
                      [](const std::string& path) {
                        const Store store = Store::open(path + "/s");
                        write_out(store.export_entry(entry_of(store, 10)), path + "/out/out.safetensors");
                      }},
        DiskOperation{"import",
                      [](const std::string& path) {
                        Store store = Store::open(path + "/s");
                        store.import(Store::open(path + "/t", {false, true}));
                      },
                      true},
        DiskOperation{"gc",
                      [](const std::string& path) {
                        Store store = Store::open(path + "/s");
                        store.collect(1000);
                        store.index().compact();
                      },
                      true, false},
        DiskOperation{"remove",
                      [](const std::string& path) {
                        Store store = Store::open(path + "/s");
                        const std::string id = entry_of(store, 10);
                        store.remove(std::span(&id, 1));
                      },
                      true, false},
        DiskOperation{"pin",
                      [](const std::string& path) {
                        Store store = Store::open(path + "/s");
                        store.pin(entry_of(store, 10), true);
                      }},
        DiskOperation{"init", [](const std::string& path) { Store::open(path + "/s").configure(small_blocks()); }},
        DiskOperation{"new_store", [](const std::string& path) { Store::open(path + "/new").configure(small_blocks()); }},
        DiskOperation{"repair",
                      [](const std::string& path) {
                        Store store = Store::open(path + "/s");
                        store.check(true, true);
                      },
                      false, false},
        DiskOperation{"rebuild",
                      [](const std::string& path) {
                        Store store = Store::open(path + "/s");
                        store.rebuild();
                      }}),
    [](const auto& info) { return info.param.name; });

class FullStore : public ::testing::Test {
 protected:
  FullStore() : store_(Store::open(folder_ / "s")) { fill(store_); }
  Folder folder_;
  Store store_;
};

// Nothing at all is left: what removes needs room before it gives any back.
TEST_F(FullStore, CanBeEmptied) {
  const FullDisk disk(0);
  const std::string id = entry_of(store_, 10);
  EXPECT_GT(store_.remove(std::span(&id, 1)), 0U);
  EXPECT_GT(store_.collect(0), 0U);
  EXPECT_EQ(store_.index().bytes(), 0U);
}

TEST_F(FullStore, EvictsForAPut) {
  for (const bool tells : {true, false}) {
    put(store_, first_turn, "chat");
    const std::string id = entry_of(store_, 16);
    if (!id.empty()) store_.remove(std::span(&id, 1));
    const FullDisk disk(0, tells ? ENOSPC : EDQUOT, tells);
    EXPECT_GT(put(store_, second_turn, "chat").evicted, 0U);
    EXPECT_TRUE(found(store_, second_turn));
    EXPECT_EQ(store_.check(true, false).problems, std::vector<std::string>());
  }
}

TEST_F(FullStore, StaysAsItIsWhereEvictingIsNotEnough) {
  const Model wide{std::vector<LayerKind>(200, LayerKind::plain)};
  const FullDisk disk(0);
  EXPECT_THROW(store_.put(document_of(cache_of(wide, ids(second_turn), 16)), prompt_of(second_turn)),
               kvcache::detail::DiskFull);
  EXPECT_TRUE(found(store_, first_turn));
  EXPECT_TRUE(found(store_, other_chat));
  EXPECT_EQ(store_.check(true, false).leftovers, std::vector<std::string>());
}

TEST_F(FullStore, NeverEvictsWhatIsPinned) {
  for (const store::Entry& entry : store_.index().entries({})) store_.pin(entry.id, true);
  const FullDisk disk(0);
  EXPECT_THROW(put(store_, second_turn, "chat"), kvcache::detail::DiskFull);
  EXPECT_TRUE(found(store_, first_turn));
  EXPECT_TRUE(found(store_, other_chat));
}

// Cut off within a few bytes of its first journal, SQLite forgets while it takes that back why it could not go on.
TEST(FullQuota, IsSaidWhereverTheFirstWritesOfAnIndexMeetIt) {
  int full = 0;
  for (std::int64_t bytes = 0; bytes < 1024; bytes += 4) {
    SCOPED_TRACE("room for " + std::to_string(bytes) + " bytes");
    const Folder folder;
    const FullDisk disk(bytes, EDQUOT, false);
    try {
      Store::open(folder / "s").configure(small_blocks());
    } catch (const kvcache::detail::DiskFull&) {
      ++full;
    } catch (const Error& other) {
      ADD_FAILURE() << other.what();
    }
  }
  EXPECT_GT(full, 0);
}

}  // namespace

// In which order a put writes, and how often it waits for the disk.
#include <gtest/gtest.h>

#include <array>
#include <mutex>
#include <regex>

#include "broken_disks.h"
#include "failing_vfs.h"
#include "kvcache/error.h"
#include "small_store.h"
#include "support/faults.h"

namespace {

using namespace kvcache;
using namespace test;
using store::Store;

/// While it lives, what has to do with the order is noted, a letter for each call: `f` a file is flushed, `n` gets a name, `F`
/// a folder is flushed, `i` the index is written to, `t` an object goes to the trash.
class Recorded {
 public:
  Recorded() : saved_(detail::syscalls()) {
    real_ = saved_;
    calls_.clear();
    detail::Syscalls& table = detail::syscalls();
    table.fsync = [](int fd) {
      struct stat status {};
      note(::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) ? 'F' : 'f');
      return real_.fsync(fd);
    };
    table.link_nameless = [](int fd, const char* to) {
      note('n');
      return real_.link_nameless(fd, to);
    };
    table.rename_new = [](const char* from, const char* to) {
      note('n');
      return real_.rename_new(from, to);
    };
    table.rename = [](const char* from, const char* to) {
      note(std::string_view(to).find("/trash/") == std::string_view::npos ? 'n' : 't');
      return real_.rename(from, to);
    };
    for (const char* name : {"pwrite", "pwrite64"})
      sqlite_.replace(
          name, +[](int fd, const void* data, std::size_t size, off_t offset) -> ssize_t {
            note('i');
            return ::pwrite(fd, data, size, offset);
          });
  }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;
  ~Recorded() { detail::syscalls() = saved_; }

  [[nodiscard]] static std::string calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  static void note(char call) {
    const std::lock_guard lock(mutex_);
    calls_ += call;
  }

  detail::Syscalls saved_;
  SqliteCalls sqlite_;
  inline static detail::Syscalls real_;
  inline static std::mutex mutex_;
  inline static std::string calls_;
};

class OrderOfWrites : public ::testing::Test {
 protected:
  OrderOfWrites() { fill(store_); }
  std::string calls_of_second_turn() {
    const Recorded recorded;
    put(store_, second_turn, "chat");
    return Recorded::calls();
  }

  Folder folder_;
  Store store_ = Store::open(folder_ / "s");
};

TEST_F(OrderOfWrites, AllObjectsTogetherAndTheIndexOnce) {
  const std::string calls = calls_of_second_turn();
  // Rows and a window of two blocks, an edge and a state of the end, and the entry. The rows of the tail stay.
  EXPECT_TRUE(std::regex_match(calls, std::regex("f{5,}n{5,}F+i+"))) << calls;
}

TEST_F(OrderOfWrites, NothingHasANameWhenAFileCannotBeFlushed) {
  const std::uint64_t before = store_.index().bytes();
  for (const int at : {1, 3}) {
    static int count;
    static decltype(detail::Syscalls::fsync) real;
    count = at;
    real = detail::syscalls().fsync;
    const Replaced failing(
        &detail::Syscalls::fsync, +[](int fd) {
          static std::mutex mutex;
          const std::lock_guard lock(mutex);
          if (--count == 0) {
            errno = EIO;
            return -1;
          }
          return real(fd);
        });
    const Recorded recorded;
    EXPECT_THROW(put(store_, second_turn, "chat"), Error);
    EXPECT_EQ(Recorded::calls().find('n'), std::string::npos) << Recorded::calls();
  }
  EXPECT_EQ(store_.index().bytes(), before);
  EXPECT_EQ(store_.check(true, false).leftovers, std::vector<std::string>());
}

// Each run of the tool is the only one that has the index open.
TEST_F(OrderOfWrites, TheLogStaysShort) {
  const std::string path = folder_ / "s";
  store_ = Store::open(folder_ / "other");
  // Nothing goes with one of these that would be a second change.
  for (int i = 0; i < 80; ++i) {
    Store store = Store::open(path);
    put(store, std::to_string(1000 + i) + "abcd");
  }
  EXPECT_LT(std::filesystem::file_size(path + "/store.db-wal"), 5U << 19U);
}

/// What whoever reads the index after a crash at this moment finds.
std::string label_after_crash(const Folder& crashed, const std::string& store, const std::string& id) {
  for (const char* const name : {"store.db", "store.db-wal", "store.db-shm"}) std::filesystem::remove(crashed / name);
  for (const char* const name : {"store.db", "store.db-wal"}) std::filesystem::copy_file(store + "/" + name, crashed / name);
  const auto index = store::sqlite_index(crashed / "store.db", false, false);
  return index->entries({{}, {}, {}, id, {}}).at(0).label;
}

TEST_F(OrderOfWrites, AChangeThatFailedCannotComeToHoldWhenObjectsGo) {
  const Folder crashed;
  const std::string path = folder_ / "s";
  const std::string id = entry_of(store_, 10);
  int failed = 0;
  for (int at = 1;; ++at) {
    SCOPED_TRACE("call " + std::to_string(at));
    ASSERT_LT(at, 1000);
    {
      const FailingVfs fault(at);
      try {
        Store::open(path).index().update(id, "changed " + std::to_string(at), {});
      } catch (const Error&) {
        ++failed;
      }
      if (!FailingVfs::happened()) break;
    }
    bool asked = false;
    store_.index().reclaim(std::array{std::string(64, 'a') + ".rows.safetensors"}, [&](std::span<const std::string> names) {
      asked = !names.empty();
      const std::string now = store_.index().entries({{}, {}, {}, id, {}}).at(0).label;
      EXPECT_EQ(label_after_crash(crashed, path, id), now);
    });
    EXPECT_TRUE(asked);
  }
  EXPECT_GT(failed, 5);
}

}  // namespace

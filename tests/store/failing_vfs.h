// SQLite's calls of the operating system, failing on demand.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace test {

/// While it lives, every connection that is opened counts its calls, and call number `at` (1 is the first) fails, by `full` as
/// on a full disk where it writes; `for_good`: so does every later one. Connections do not outlive it.
class FailingVfs {
 public:
  explicit FailingVfs(int at, bool full = false, bool for_good = false) {
    real_ = sqlite3_vfs_find("unix");
    at_ = at;
    count_ = 0;
    full_ = full;
    for_good_ = for_good;
    vfs_ = *real_;
    vfs_.zName = "failing";
    vfs_.pNext = nullptr;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = open;
    vfs_.xDelete = [](sqlite3_vfs*, const char* name, int sync) {
      return fails() ? SQLITE_IOERR_DELETE : real_->xDelete(real_, name, sync);
    };
    vfs_.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* out) {
      return fails() ? SQLITE_IOERR_ACCESS : real_->xAccess(real_, name, flags, out);
    };
    vfs_.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
      return real_->xFullPathname(real_, name, size, out);
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  FailingVfs(const FailingVfs&) = delete;
  FailingVfs& operator=(const FailingVfs&) = delete;
  ~FailingVfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }
  /// Whether the call was reached.
  [[nodiscard]] static bool happened() { return count_ >= at_; }

 private:
  struct File {
    sqlite3_file base;
    [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }
  static bool fails() {
    const int count = ++count_;
    return count == at_ || (for_good_ && count > at_);
  }
  static int writing(int code) { return full_ ? SQLITE_FULL : code; }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    file->pMethods = nullptr;
    if (fails()) return SQLITE_CANTOPEN;
    real(file)->pMethods = nullptr;
    const int code = real_->xOpen(real_, name, real(file), flags, out);
    if (real(file)->pMethods != nullptr) file->pMethods = &methods();
    return code;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods table = {
        .iVersion = 2,
        .xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); },
        .xRead =
            [](sqlite3_file* f, void* out, int size, sqlite3_int64 at) {
              return fails() ? SQLITE_IOERR_READ : real(f)->pMethods->xRead(real(f), out, size, at);
            },
        .xWrite =
            [](sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
              if (!fails()) return real(f)->pMethods->xWrite(real(f), data, size, at);
              // What failed may have been written in part.
              if (!full_ && size > 1) real(f)->pMethods->xWrite(real(f), data, size / 2, at);
              return writing(SQLITE_IOERR_WRITE);
            },
        .xTruncate =
            [](sqlite3_file* f, sqlite3_int64 size) {
              return fails() ? SQLITE_IOERR_TRUNCATE : real(f)->pMethods->xTruncate(real(f), size);
            },
        .xSync = [](sqlite3_file* f,
                    int flags) { return fails() ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), flags); },
        .xFileSize =
            [](sqlite3_file* f, sqlite3_int64* out) {
              return fails() ? SQLITE_IOERR_FSTAT : real(f)->pMethods->xFileSize(real(f), out);
            },
        .xLock = [](sqlite3_file* f,
                    int kind) { return fails() ? SQLITE_IOERR_LOCK : real(f)->pMethods->xLock(real(f), kind); },
        .xUnlock = [](sqlite3_file* f, int kind) { return real(f)->pMethods->xUnlock(real(f), kind); },
        .xCheckReservedLock =
            [](sqlite3_file* f, int* out) {
              return fails() ? SQLITE_IOERR_CHECKRESERVEDLOCK : real(f)->pMethods->xCheckReservedLock(real(f), out);
            },
        .xFileControl = [](sqlite3_file* f, int op, void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); },
        .xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
        .xDeviceCharacteristics = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
        .xShmMap =
            [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
              return fails() ? SQLITE_IOERR_SHMMAP : real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
            },
        .xShmLock =
            [](sqlite3_file* f, int offset, int n, int flags) {
              if ((flags & SQLITE_SHM_LOCK) != 0 && fails()) return SQLITE_IOERR_SHMLOCK;
              return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
            },
        .xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
        .xShmUnmap = [](sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); },
        .xFetch = nullptr,
        .xUnfetch = nullptr,
    };
    return table;
  }

  sqlite3_vfs vfs_{};
  inline static sqlite3_vfs* real_ = nullptr;
  inline static int at_ = 0;
  inline static int count_ = 0;
  inline static bool full_ = false;
  inline static bool for_good_ = false;
};

}  // namespace test

// Objects in a folder, while others evict them.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>

#include "kvcache/store/objects.h"
#include "support/faults.h"
#include "support/folder.h"

namespace {

using namespace kvcache;

class ObjectsFolder : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& bytes) const {
    objects_->put(name, [&](ByteSink& out) {
      out.write_at(0, std::as_bytes(std::span(bytes)));
      out.commit();
    });
  }
  static std::string read(const ByteSource& source) {
    std::string out(source.size(), '\0');
    source.read_at(0, std::as_writable_bytes(std::span(out)));
    return out;
  }

  test::Folder folder_;
  std::unique_ptr<store::Objects> objects_ = store::folder_objects(folder_ / "s", true);
  const std::string name_ = std::string(64, 'a') + ".rows";
};

// What happens between two system calls of a reader.
std::function<void()> meanwhile;
decltype(detail::Syscalls::open) real_open;

TEST_F(ObjectsFolder, IsReadWhenItGoesAtTheMomentItIsOpened) {
  put(name_, "rows");
  const auto hold = objects_->hold();
  const auto source = objects_->open(name_);
  meanwhile = [&] { objects_->discard(std::array{name_}); };
  real_open = detail::syscalls().open;
  const test::Replaced evicting(
      &detail::Syscalls::open, +[](const char* path, int flags, mode_t mode) {
        if (const auto act = std::exchange(meanwhile, nullptr)) act();
        return real_open(path, flags, mode);
      });
  EXPECT_EQ(read(*source), "rows");
  EXPECT_FALSE(objects_->size(name_));
}

TEST_F(ObjectsFolder, AnotherFileOfItsNameIsNotTakenForIt) {
  put(name_, "rows");
  const auto hold = objects_->hold();
  const auto source = objects_->open(name_);
  objects_->discard(std::array{name_});
  put(name_, "others");
  EXPECT_EQ(read(*source), "rows");
  EXPECT_EQ(read(*objects_->open(name_)), "others");
}

}  // namespace

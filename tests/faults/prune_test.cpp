// kvcache prune while somebody interferes: signals, errors of the system, other processes.
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "catalog/prune_plan.h"
#include "kvcache/safetensors.h"
#include "platform/syscalls.h"
#include "support/folder.h"

namespace kvcache::catalog {
namespace {

using Fate = PruneFile::Fate;

class Prune : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b", "c", "d"})
      write_safetensors(folder_ / (std::string(name) + ".safetensors"),
                        {{"0.0", Tensor::zeros(Dtype::F16, {1, 1, 2, 4})}, {"0.1", Tensor::zeros(Dtype::F16, {1, 1, 2, 4})}},
                        {{"0.0", ""}, {"2.0", "KVCache"}});
    PruneRequest all;
    all.groups.push_back({{}, 0});
    plan_ = plan_prune({folder_.str()}, all);
    ASSERT_EQ(fates(), std::vector<Fate>(4, Fate::remove));
    real_ = detail::syscalls();
    calls_ = 0;
  }
  void TearDown() override {
    detail::syscalls() = real_;
    stop_requested() = 0;
  }
  std::vector<Fate> fates() const {
    std::vector<Fate> out;
    for (const PruneFile& file : plan_.files) out.push_back(file.fate);
    return out;
  }

  test::Folder folder_;
  PrunePlan plan_;
  inline static detail::Syscalls real_;
  inline static int calls_ = 0;
};

TEST_F(Prune, EndsBetweenTwoFilesWhenAStopIsRequested) {
  detail::syscalls().unlinkat = [](int folder, const char* name, int flags) {
    if (++calls_ == 2) stop_requested() = 2;
    return real_.unlinkat(folder, name, flags);
  };
  carry_out(plan_);
  EXPECT_EQ(fates(), (std::vector{Fate::removed, Fate::removed, Fate::remove, Fate::remove}));
  EXPECT_EQ(folder_.names(), (std::vector<std::string>{"c.safetensors", "d.safetensors"}));
}

TEST_F(Prune, EndsInsideACallThatASignalInterrupts) {
  detail::syscalls().unlinkat = [](int, const char*, int) {
    stop_requested() = 15;
    errno = EINTR;
    return -1;
  };
  carry_out(plan_);
  EXPECT_EQ(fates(), std::vector<Fate>(4, Fate::remove));
  EXPECT_EQ(folder_.names().size(), 4U);
}

TEST_F(Prune, GoesOnAfterAFileThatCannotBeDeleted) {
  detail::syscalls().unlinkat = [](int folder, const char* name, int flags) {
    if (++calls_ == 1) {
      errno = EPERM;
      return -1;
    }
    return real_.unlinkat(folder, name, flags);
  };
  carry_out(plan_);
  EXPECT_EQ(fates(), (std::vector{Fate::failed, Fate::removed, Fate::removed, Fate::removed}));
  EXPECT_EQ(plan_.files[0].why, "cannot be deleted: Operation not permitted");
  EXPECT_EQ(folder_.names(), std::vector<std::string>{"a.safetensors"});
}

TEST_F(Prune, LeavesWhatHasChangedSinceTheDecision) {
  test::write_file(folder_ / "a.safetensors", "somebody saves a new cache here");
  std::filesystem::remove(folder_ / "b.safetensors");
  carry_out(plan_);
  EXPECT_EQ(fates(), (std::vector{Fate::changed, Fate::changed, Fate::removed, Fate::removed}));
  EXPECT_EQ(folder_.names(), std::vector<std::string>{"a.safetensors"});
}

}  // namespace
}  // namespace kvcache::catalog

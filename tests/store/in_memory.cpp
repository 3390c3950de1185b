// Memory instead of a disk for the stores of this suite, where there is some: thousands are made, and each call for durability
// would wait for the disk of the machine.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace {

class InMemory final : public ::testing::Environment {
 public:
  void SetUp() override {
    if (std::getenv("TMPDIR") == nullptr && std::filesystem::is_directory("/dev/shm")) setenv("TMPDIR", "/dev/shm", 1);
  }
};

const auto* const in_memory = ::testing::AddGlobalTestEnvironment(new InMemory);

}  // namespace

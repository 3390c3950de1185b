// An index in PostgreSQL (KVCACHE_TEST_POSTGRES) and objects in a bucket (KVCACHE_TEST_BUCKET) or, without one, in a folder.
#include "store/back_end.h"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "kvcache/fleet.h"

namespace test {

kvcache::store::Store new_store(const std::string& folder) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return std::string(value == nullptr ? "" : value);
  };
  static int number = 0;
  static kvcache::remote::Remote remote;
  const std::string database = variable("KVCACHE_TEST_POSTGRES");
  if (database.empty()) throw std::runtime_error("KVCACHE_TEST_POSTGRES is not set: tests/fleet/services.py starts a server");
  const std::string name = "test_" + std::to_string(getpid()) + "_" + std::to_string(number++);
  const std::string bucket = variable("KVCACHE_TEST_BUCKET");
  const std::string objects = bucket.empty() ? folder + "/objects" : "s3://" + bucket + "/" + name;
  return kvcache::fleet::open(database + "?schema=" + name + "&grace_seconds=0&cache=" + folder + "/cache&objects=" + objects,
                              remote);
}

}  // namespace test

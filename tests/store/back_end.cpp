// A folder with SQLite.
#include "store/back_end.h"

namespace test {

kvcache::store::Store new_store(const std::string& folder) {
  return kvcache::store::Store::open(folder + "/s");
}

}  // namespace test

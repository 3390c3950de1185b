// In place of kvcache_fleet in a tool that was built without it: a store is a folder.
#include "kvcache/error.h"
#include "kvcache/fleet.h"

namespace kvcache::fleet {

bool is_address(std::string_view store) {
  return store.starts_with("postgresql://") || store.starts_with("postgres://");
}

std::string shown(const std::string& address) {
  return is_address(address) ? "postgresql://..." : address;
}

store::Store open(const std::string& /*address*/, remote::Remote& /*remote*/, const OpenOptions& /*options*/) {
  throw Error(ErrorKind::usage, "this kvcache was built without libpq and keeps stores in folders only",
              "build it where libpq and libcurl are found (scripts/setup installs both)");
}

}  // namespace kvcache::fleet

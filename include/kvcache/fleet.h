// The prefix store of several hosts: its index in PostgreSQL, its objects in a service that speaks the protocol of Amazon S3,
// a folder of each host as a read-through cache in front of them. A component of its own: programs link kvcache::fleet beside
// kvcache::store and kvcache::remote. docs/store.md, "On several hosts".
#pragma once

#include <string>
#include <string_view>

#include "kvcache/remote.h"
#include "kvcache/stop.h"
#include "kvcache/store.h"

namespace kvcache {
namespace [[gnu::visibility("default")]] fleet {

/// Whether a store is called by an address (postgresql://, postgres://) and not by a folder.
[[nodiscard]] bool is_address(std::string_view store);
/// An address as it may be shown: without a password.
[[nodiscard]] std::string shown(const std::string& address);

/// How to open it.
struct OpenOptions {
  bool create = true;      ///< make it where there is none
  bool read_only = false;  ///< look only: nothing is written, not even when something was used
  bool adopt = false;      ///< where there is no index, but there are objects: make an empty one for them, for rebuild()
  StopToken stop = {};     ///< looked at ten times per second
};

/// postgresql://[USER@]HOST[:PORT]/DATABASE?objects=s3://BUCKET/PREFIX, and anything else that libpq takes there. `remote`
/// stays as long as the store. Throws Error(usage) for what is no such address, for a store that there is not, and for objects
/// that belong to another store; Error(io).
[[nodiscard]] kvcache::store::Store open(const std::string& address, remote::Remote& remote, const OpenOptions& options = {});

}  // namespace fleet
}  // namespace kvcache

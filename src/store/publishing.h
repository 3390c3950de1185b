// How something new comes into a store: its objects first, then the rows of the index, again where that was in vain.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kvcache/store/index.h"
#include "kvcache/store/objects.h"

namespace kvcache::store::detail {

/// An object that is to be stored.
struct NewObject {
  std::string name;
  std::function<std::uint64_t(ByteSink& out)> write;  ///< as Objects::Writer; returns the object's size
  bool replaces = false;                              ///< what has the name
  bool stored = false;                                ///< else there was one of that name, which stays
  std::uint64_t bytes = 0;                            ///< of the one that there is now
};

/// Stores them all at once, and lets the index prepare for their publication. Each is there when this returns. Throws what
/// Objects::put_all() does; `stored` is right then as well.
void store_all(Index& index, Objects& objects, std::span<NewObject> wanted);

/// One way of bringing something in.
struct Attempt {
  std::function<bool(bool again)> publish;  ///< stores and publishes; false: others have changed what it builds on
  const std::vector<NewObject>& objects;    ///< what it stores, anew with each call of `publish`
  std::function<bool()> make_room;          ///< evicts for a full disk; false: nothing went
  std::string what;                         ///< "this cache can be put", for a message
};

/// Until it is published. Where the disk is full something is evicted, once. What was stored in vain is discarded.
void until_published(Index& index, Objects& objects, const Attempt& attempt);

}  // namespace kvcache::store::detail

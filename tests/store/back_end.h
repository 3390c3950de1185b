// The store that the tests of this folder are about: one suite, linked with one back end after the other.
#pragma once

#include <string>

#include "kvcache/store.h"

namespace test {

/// A new, empty store. What it keeps in files is in `folder`.
kvcache::store::Store new_store(const std::string& folder);

}  // namespace test

#include "cli/version.h"

namespace kvcache::cli {

std::string_view version() noexcept {
  return KVCACHE_VERSION;
}

}  // namespace kvcache::cli

#include "platform/glob.h"

#include <fnmatch.h>

namespace kvcache::detail {

bool glob_matches(const std::string& pattern, const std::string& text, bool across_folders) noexcept {
  return ::fnmatch(pattern.c_str(), text.c_str(), across_folders ? 0 : FNM_PATHNAME) == 0;
}

}  // namespace kvcache::detail

// Hidden files with a name that nobody else has.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>

namespace kvcache::detail {

/// Call `attempt` with FOLDER/.NAME.XXXXXX.kvcache-tmp for random X until it returns something else than -1 with EEXIST.
/// Returns that, and the path.
[[nodiscard]] std::pair<int, std::string> with_unique_name(const std::string& folder, const std::string& name,
                                                           const std::function<int(const char* path)>& attempt);

/// Create such a file and open it for reading and writing. The descriptor is -1, with errno, when that fails.
[[nodiscard]] std::pair<int, std::string> create_unique(const std::string& folder, const std::string& name, mode_t mode);

}  // namespace kvcache::detail

// Parts of the man pages that are written, not made: what the commands share.
#pragma once

#include <string_view>

namespace kvcache::cli {

// mdoc(7), ready to be printed.
extern const std::string_view man_description;
extern const std::string_view man_tail;  ///< of kvcache.1: environment, files, exit status, examples, see also

}  // namespace kvcache::cli

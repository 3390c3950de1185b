// JSON on standard output.
#pragma once

#include "cli/terminal/stdout.h"
#include "documents/json.h"

namespace kvcache::cli {

using documents::Json;
using documents::json_of;
using documents::json_text;

inline void print_json(const Json& document) {
  print(json_text(document));
}

}  // namespace kvcache::cli

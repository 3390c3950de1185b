#include "kvcache/error.h"

namespace kvcache {

Error Error::with_context(const std::string& context) const {
  Error out(kind_, context + ": " + what(), remedy_, code_);
  out.key_ = key_;
  out.where_ = where_;
  out.path_ = path_;
  return out;
}

}  // namespace kvcache

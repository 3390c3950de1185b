// In place of kvcache_remote in a tool that was built without it: what is named can be no address.
#include "kvcache/error.h"
#include "kvcache/remote.h"

namespace kvcache::remote {
namespace {

[[noreturn]] void refuse() {
  throw Error(ErrorKind::usage, "this kvcache was built without libcurl and reads files only",
              "download it first, or build kvcache with -DKVCACHE_REMOTE=ON; a file of such a name is ./NAME");
}

}  // namespace

class Remote::State {};

Remote::Remote(Options /*options*/) {}  // NOLINT(performance-unnecessary-value-param)
Remote::~Remote() = default;
std::shared_ptr<const ByteSource> Remote::open(const std::string& /*name*/) const {
  refuse();
}
std::vector<Listed> Remote::list(const std::string& /*prefix*/) const {
  refuse();
}
std::function<std::vector<Listed>()> Remote::pages(const std::string& /*prefix*/) const {
  refuse();
}
bool Remote::exists(const std::string& /*name*/) const {
  refuse();
}
std::optional<std::uint64_t> Remote::size(const std::string& /*name*/) const {
  refuse();
}
std::unique_ptr<ByteSink> Remote::create(const std::string& /*name*/, bool /*overwrite*/) const {
  refuse();
}
void Remote::remove(const std::string& /*name*/) const {
  refuse();
}
Usage Remote::usage() const noexcept {
  return {};
}

}  // namespace kvcache::remote

#include "platform/unique_name.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "platform/retry.h"
#include "platform/syscalls.h"

namespace kvcache::detail {
namespace {

std::string random_letters() {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::string out;
  for (int i = 0; i < 6; ++i) out += letters[random() % letters.size()];
  return out;
}

}  // namespace

std::pair<int, std::string> with_unique_name(const std::string& folder, const std::string& name,
                                             const std::function<int(const char* path)>& attempt) {
  // File names end at 255 bytes; the parts around NAME take 20.
  std::size_t length = std::min<std::size_t>(name.size(), 200);
  // Not inside a character of UTF-8, which APFS would refuse: its later bytes are 10xxxxxx.
  while (length > 0 && length < name.size() && (static_cast<unsigned char>(name[length]) & 0xC0U) == 0x80U) --length;
  const std::string stem = folder + "/." + name.substr(0, length) + ".";
  std::string path;
  int result = -1;
  for (int tries = 0; tries < 100; ++tries) {
    path = stem + random_letters() + ".kvcache-tmp";
    result = retry([&] { return attempt(path.c_str()); });
    if (result != -1 || errno != EEXIST) break;
  }
  return {result, path};
}

std::pair<int, std::string> create_unique(const std::string& folder, const std::string& name, mode_t mode) {
  return with_unique_name(folder, name, [mode](const char* path) {
    return syscalls().open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  });
}

}  // namespace kvcache::detail

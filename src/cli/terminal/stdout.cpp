#include "cli/terminal/stdout.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

// The first error, or 0. The C library would go on trying to write what it still has.
int broken = 0;

[[noreturn]] void failed() {
  broken = errno;
  throw Error(ErrorKind::io, fmt::format("standard output: {}", std::generic_category().message(broken)));
}

}  // namespace

void print(std::string_view text) {
  if (broken == 0 && std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) failed();
}

void flush_stdout() {
  if (broken == 0 && std::fflush(stdout) != 0) failed();
}

bool reader_is_gone() noexcept {
  return broken == EPIPE;
}

}  // namespace kvcache::cli

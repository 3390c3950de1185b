// kvcache store, where it was built without: says so.

#include "cli/cli11.h"
#include "cli/commands.h"
#include "cli/docs/stored_words.h"
#include "kvcache/error.h"

namespace kvcache::cli {
namespace {

Action declare_without_store(CLI::App& app, Context&) {
  app.allow_extras();
  return []() -> int {
    throw Error(ErrorKind::usage, "this kvcache was built without the prefix store",
                "build it where SQLite and zstd are found (scripts/setup installs both)");
  };
}

}  // namespace

std::vector<StoredWord> stored_words(StoredKind /*kind*/, const std::string& /*folder*/,
                                     const std::string& /*begin*/) noexcept {
  return {};
}

const Command store_command = {"store", Group::making, "Keep prompt caches by their tokens (left out of this build)",
                               "  kvcache store --help\n"
                               "  kvcache version\n",
                               declare_without_store};

}  // namespace kvcache::cli

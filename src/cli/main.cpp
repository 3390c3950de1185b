// kvcache: the program from start to end.
//
//   descriptors, signals  ->  parse the command line  ->  run the command  ->  flush  ->  exit code
//
// Everything that goes wrong on the way is an exception, and this is where all of them end.
#include <cstdlib>
#include <exception>
#include <new>

#include "cli/command_line.h"
#include "cli/files/remote_use.h"
#include "cli/terminal/say.h"
#include "cli/terminal/signals.h"
#include "cli/terminal/stdout.h"
#include "kvcache/error.h"
#include "platform/standard_streams.h"
#ifdef KVCACHE_HAS_SQLITE
#include "sqlite/sqlite_access.h"
#endif

namespace {

// Nothing is left to be done, written or removed: what is held goes with the process. Taking it down one by one takes an eighth
// of `kvcache --version`. Sanitizers look for leaks when main returns.
int leave(int code) {
#if defined(NDEBUG)
  std::_Exit(code);
#else
  return code;
#endif
}

}  // namespace

int main(int argc, char** argv) {
  using namespace kvcache::cli;
  Context context;
  try {
    kvcache::detail::reserve_standard_streams();
    handle_signals();
#ifdef KVCACHE_HAS_SQLITE
    kvcache::foreign::use_sqlite(kvcache::sqlite::access());
#endif
    CommandLine command_line(context);
    const Action action = command_line.parse(argc, argv);
    const int code = action();
    flush_stdout();
    say_usage(context);
    return leave(code);
  } catch (const kvcache::Error& error) {
    say_usage(context);
    return reader_is_gone() ? exit_code(error.kind()) : report_error(context, error);
  } catch (const std::bad_alloc&) {
    return report_internal_error(context, "out of memory");
  } catch (const std::exception& error) {
    return report_internal_error(context, error.what());
  }
}

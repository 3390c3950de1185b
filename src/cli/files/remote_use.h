// What lies elsewhere: the options for it, the connection, what it cost.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "cli/command.h"
#include "cli/render/json.h"
#include "kvcache/remote.h"

namespace CLI {
class App;
}

namespace kvcache::cli {

struct RemoteUse {
  remote::Options options;
  double timeout = 30;                     ///< seconds
  std::unique_ptr<remote::Remote> remote;  ///< once it is needed
  std::mutex making;                       ///< of `remote`
};

/// --endpoint-url and the other global options. They are for every command: any may be given an address.
void add_remote_options(CLI::App& app, Context& context);

/// Made at the first call, of the options. Safe to call from several threads.
[[nodiscard]] remote::Remote& remote_of(const Context& context);

/// What was sent and received so far.
[[nodiscard]] remote::Usage remote_usage(const Context& context);
/// The difference.
[[nodiscard]] remote::Usage operator-(const remote::Usage& now, const remote::Usage& before);
/// A document of --json with "remote": what it cost since `before`, where it cost anything.
[[nodiscard]] Json with_usage(const Context& context, Json document, const remote::Usage& before = {});
/// The same for people, with -v, on standard error.
void say_usage(const Context& context);

}  // namespace kvcache::cli

#include "cli/files/remote_use.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/cli11.h"
#include "cli/terminal/say.h"
#include "cli/terminal/words.h"

namespace kvcache::cli {

void add_remote_options(CLI::App& app, Context& context) {
  context.remote = std::make_shared<RemoteUse>();
  RemoteUse& use = *context.remote;
  app.add_flag("-v,--verbose", context.verbose, "Say how many requests and bytes remote files took");
  app.add_option("--endpoint-url", use.options.endpoint_url, "The service that s3://BUCKET/KEY is at, in place of Amazon's")
      ->type_name("URL");
  app.add_option("--region", use.options.region, "The region of s3:// buckets, where no variable or profile says it")
      ->type_name("REGION");
  app.add_flag("--path-style", use.options.path_style, "Name the bucket in the path, not in the host");
  app.add_flag("--allow-http", use.options.allow_http, "Take http:// addresses of other machines, which is not encrypted");
  app.add_option("--timeout", use.timeout, "Give up when a server is silent for so long (default 30)")
      ->check(CLI::Range(0.1, 86400.0).description(""))
      ->type_name("SECONDS");
}

remote::Remote& remote_of(const Context& context) {
  RemoteUse& use = *context.remote;
  const std::lock_guard lock(use.making);
  if (!use.remote) {
    use.options.stall_timeout = std::chrono::milliseconds(std::lround(use.timeout * 1000));
    use.options.connect_timeout = std::min(use.options.connect_timeout, use.options.stall_timeout);
    use.options.warn = [&context](const std::string& message) { warn(context, message); };
    use.remote = std::make_unique<remote::Remote>(use.options);
  }
  return *use.remote;
}

remote::Usage remote_usage(const Context& context) {
  return context.remote && context.remote->remote ? context.remote->remote->usage() : remote::Usage();
}

remote::Usage operator-(const remote::Usage& now, const remote::Usage& before) {
  return {now.requests - before.requests, now.repetitions - before.repetitions, now.received - before.received,
          now.sent - before.sent};
}

Json with_usage(const Context& context, Json document, const remote::Usage& before) {
  const remote::Usage usage = remote_usage(context) - before;
  if (usage.requests > 0)
    document["remote"] = {{"requests", usage.requests},
                          {"repeated", usage.repetitions},
                          {"bytes_received", usage.received},
                          {"bytes_sent", usage.sent}};
  return document;
}

void say_usage(const Context& context) {
  const remote::Usage usage = remote_usage(context);
  if (!context.verbose || usage.requests == 0) return;
  const auto bytes = [](std::uint64_t n) { return human_bytes(static_cast<double>(n)); };
  say(fmt::format("remote: {}{}, {} received, {} sent", count_of(usage.requests, "request"),
                  usage.repetitions == 0 ? "" : fmt::format(", {} of them repeated", usage.repetitions), bytes(usage.received),
                  bytes(usage.sent)));
}

}  // namespace kvcache::cli

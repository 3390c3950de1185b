// kvcache generate: what is committed in man/ (scripts/generate).
#include <memory>
#include <span>

#include "cli/cli11.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/docs/man.h"
#include "platform/output_file.h"

namespace kvcache::cli {
namespace {

struct GenerateArguments {
  std::string what;
  std::string folder;
};

int run_generate(Context& context, const GenerateArguments& options) {
  // This run's own knows the options of `generate` only.
  Context unused;
  CommandLine command_line(unused);
  for (const ManPage& page : man_pages(command_line.app())) {
    context.subject = options.folder + '/' + page.file;
    detail::OutputFile file(context.subject, {.overwrite = true});
    file.write_at(0, std::as_bytes(std::span(page.text)));
    file.commit();
  }
  return 0;
}

Action declare_generate(CLI::App& app, Context& context) {
  const auto options = std::make_shared<GenerateArguments>();
  app.add_option("WHAT", options->what, "man")->required()->check(CLI::IsMember({"man"}));
  app.add_option("-o,--output", options->folder, "Write them into this folder")->required()->type_name("DIR");
  return [&context, options] { return run_generate(context, *options); };
}

}  // namespace

const Command generate_command = {"generate", Group::hidden, "Write the man pages into a folder",
                                  "  kvcache generate man -o man", declare_generate};

}  // namespace kvcache::cli

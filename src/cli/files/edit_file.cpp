#include "cli/files/edit_file.h"

#include "cli/files/open.h"
#include "kvcache/edit.h"
#include "kvcache/verify.h"

namespace kvcache::cli {

int edit_file(Context& context, const std::vector<std::string>& inputs, const OutputOptions& options,
              const std::function<Edit(PromptCache&)>& edit) {
  check_output(options, inputs);
  context.subject = inputs.front();
  Document document = read_sound_named(context, inputs.front());
  // Before the work: a format that is never written makes it pointless.
  const Era era = era_to_keep(document);
  const Edit done = edit(document.cache);
  const Written written = write_output(context, document.cache, era, options, document);
  print_summary(context, options, written, done.what, done.more);
  return 0;
}

}  // namespace kvcache::cli

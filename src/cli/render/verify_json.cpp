// `kvcache verify --json`.
#include "documents/verify_json.h"

#include "cli/files/remote_use.h"
#include "cli/render/json.h"
#include "cli/render/text_spool.h"
#include "cli/render/verify_output.h"

namespace kvcache::cli {
namespace {

class JsonOutput final : public VerifyOutput {
 public:
  explicit JsonOutput(const Context& context) : context_(context) {}
  void add(const FileReport& report, bool) override { files_.add(json_text(documents::json_of(report))); }
  // Nothing is printed before all is known: what fails in between has no document.
  void finish(const VerifyCounts& counts) override {
    print_json_with_texts(with_usage(context_, documents::VerifyJson().finish(counts)), "files", files_.size(),
                          [this](std::size_t) { return files_.next(); });
  }

 private:
  const Context& context_;
  TextSpool files_;
};

}  // namespace

std::unique_ptr<VerifyOutput> make_verify_json(const Context& context, const VerifyShow&) {
  return std::make_unique<JsonOutput>(context);
}

}  // namespace kvcache::cli
